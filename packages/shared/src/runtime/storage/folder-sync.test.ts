import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { FolderSync } from './folder-sync.ts';

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'songmill-sync-'));
  closers.push(() => rm(path, { recursive: true }));
  return path;
}

describe('syncing a folder', () => {
  it('is shared by those who ask while it runs, and never with one that began before', async () => {
    const sync = new FolderSync();
    const path = await folder();
    const first = sync.sync(path);
    const [second, third] = [sync.sync(path), sync.sync(path)];
    expect(second).not.toBe(first);
    expect(third).toBe(second);
    await second;
    const later = sync.sync(path);
    expect(later).not.toBe(second);
    await later;
  });

  it('that fails tells its own callers, and the next one starts afresh', async () => {
    const sync = new FolderSync();
    const missing = join(await folder(), 'missing');
    const [first, second] = [sync.sync(missing), sync.sync(missing)];
    await expect(first).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(second).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(sync.sync(missing)).rejects.toMatchObject({ code: 'ENOENT' });
  });
});
