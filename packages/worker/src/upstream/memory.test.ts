import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import { fakeUpstream } from './testing/fake-upstream.ts';
import { silentMp3 } from './testing/songs.ts';

const CALLS = 200;
const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

describe('two hundred answers of 4 MB at once', () => {
  it('are decoded by a process with 96 MB of heap, every one right', { timeout: 120_000 }, async () => {
    const folder = await mkdtemp(join(tmpdir(), 'songmill-memory-'));
    closers.push(() => rm(folder, { recursive: true }));
    const common = silentMp3(4800);
    const hex = Buffer.from(common.toString('hex'));
    const tail = (index: number) => Buffer.alloc(417, `song ${index} `);

    // Nobody is answered before everybody has asked, so that all answers are under way together.
    const asked: [ServerResponse, number][] = [];
    const server = await fakeUpstream((response, _, { body }) => {
      asked.push([response, Number(/song (\d+)/.exec(body.toString())?.[1])]);
      if (asked.length < CALLS) return;
      for (const [waiting, index] of asked) {
        waiting.write('{"data":{"audio":"');
        waiting.write(hex);
        waiting.end(`${tail(index).toString('hex')}","status":2},"base_resp":{"status_code":0}}`);
      }
    });
    closers.push(() => server.stop());

    const program = join(import.meta.dirname, 'testing', 'many-calls.ts');
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--max-old-space-size=96', '--conditions=source', program, server.url, folder, String(CALLS)],
      { maxBuffer: 1_000_000 },
    );
    const said = JSON.parse(stdout) as { songs: string[]; megabytes: number };
    const sha256 = (index: number) => createHash('sha256').update(common).update(tail(index)).digest('hex');
    expect(said.songs).toEqual(Array.from({ length: CALLS }, (_, index) => sha256(index)));
    // Bodies held whole took 870 MB when measured with this very server; about 110 are used.
    expect(said.megabytes).toBeLessThan(220);
  });
});
