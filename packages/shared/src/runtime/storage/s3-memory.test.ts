import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { startObjectStore } from './testing/object-store.ts';

it('a hundred songs of 2 MB stored and read at once take far less memory than they are long', async () => {
  const store = await startObjectStore();
  const folder = await mkdtemp(join(tmpdir(), 'songmill-memory-'));
  try {
    const program = join(import.meta.dirname, 'testing', 'many-songs.ts');
    const { stdout } = await promisify(execFile)(process.execPath, [
      '--conditions=source',
      program,
      store.url,
      folder,
      '100',
      '2000000',
    ]);
    const { right, stored, read } = JSON.parse(stdout) as { right: number; stored: number; read: number };
    process.stdout.write(`memory grew by ${stored} MB while storing 200 MB, by ${read} MB until they were read\n`);
    expect(right).toBe(100);
    expect(Math.max(stored, read)).toBeLessThan(120);
  } finally {
    await rm(folder, { recursive: true });
    await store.stop();
  }
}, 120_000);
