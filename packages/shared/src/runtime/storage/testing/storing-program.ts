/**
 * Stores and commits songs, several at once, and prints the id of each committed generation, until it
 * is killed. Run by `file-storage.test.ts`; argument: a folder.
 */
import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openStorage } from '../storage.ts';

const folder = process.argv[2] ?? '';
const spool = join(folder, 'spool');
await mkdir(spool, { recursive: true });
const storage = await openStorage(`file:${join(folder, 'songs')}`);

async function storeForever(): Promise<never> {
  for (;;) {
    const id = `gen_${randomBytes(16).toString('hex')}`;
    const token = randomBytes(12).toString('hex');
    const key = `${id}/${token}.mp3`;
    await writeFile(join(spool, token), Buffer.alloc(100_000, 7));
    await storage.store(key, join(spool, token));
    await storage.commit({
      generation_id: id,
      committed_at: new Date().toISOString(),
      song: {
        token,
        key,
        kind: 'song',
        format: 'mp3',
        bytes: 100_000,
        duration_ms: 1,
        sha256: '0'.repeat(64),
        trace_id: null,
      },
    });
    process.stdout.write(`${id}\n`);
  }
}

await Promise.all(Array.from({ length: 8 }, storeForever));
