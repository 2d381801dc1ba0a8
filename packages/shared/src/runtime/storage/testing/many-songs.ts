/**
 * Stores songs in an object store and reads them, all at once, and prints by how much the memory of this
 * process grew. Run by `s3-memory.test.ts`; arguments: endpoint, folder, number of songs, bytes of each.
 */
import { createHash, randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openStorage } from '../storage.ts';
import { BUCKET, KEYS } from './object-store.ts';

const [endpoint = '', folder = '', count = '', size = ''] = process.argv.slice(2);
const storage = await openStorage(`s3://${BUCKET}?endpoint=${endpoint}`, {
  AWS_ACCESS_KEY_ID: KEYS.accessKeyId,
  AWS_SECRET_ACCESS_KEY: KEYS.secretAccessKey,
});
const songs: { key: string; path: string; sha256: string }[] = [];
for (let i = 0; i < Number(count); i++) {
  const token = randomBytes(12).toString('hex');
  const path = join(folder, token);
  const bytes = randomBytes(Number(size));
  await writeFile(path, bytes);
  songs.push({ key: `gen_${token}/${token}.mp3`, path, sha256: createHash('sha256').update(bytes).digest('hex') });
}
await storage.check();

let peak = 0;
const look = (): void => {
  peak = Math.max(peak, process.memoryUsage.rss());
};
const before = process.memoryUsage.rss();
const timer = setInterval(look, 5);
await Promise.all(songs.map(({ key, path }) => storage.store(key, path)));
const stored = peak - before;
const right = await Promise.all(
  songs.map(async ({ key, sha256 }) => {
    const found = await storage.open(key);
    const hash = createHash('sha256');
    for await (const chunk of found!.stream) hash.update(chunk as Buffer);
    return hash.digest('hex') === sha256;
  }),
);
clearInterval(timer);
look();
await storage.stop();
const megabytes = (bytes: number): number => Math.round(bytes / 1e6);
process.stdout.write(
  `${JSON.stringify({ right: right.filter(Boolean).length, stored: megabytes(stored), read: megabytes(peak - before) })}\n`,
);
