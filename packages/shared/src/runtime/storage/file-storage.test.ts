import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, readdir, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, describe, expect, it } from 'vitest';
import { openFileStorage } from './file-storage.ts';
import { fileFolder } from './file-url.ts';
import { folderOf } from './keys.ts';
import { openStorage } from './storage.ts';
import { asStorageError, StorageError } from './storage-error.ts';
import { commitOf, someId, songOf, storageContract } from './testing/storage.contract.ts';

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function temporary(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'songmill-storage-'));
  closers.push(() => rm(path, { recursive: true, force: true }));
  return path;
}

/** Every file below a folder, relative, sorted. */
async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  return files.map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1)).sort();
}

storageContract('a folder', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'songmill-storage-'));
  return {
    storage: await openStorage(`file:${folder}/songs`),
    again: () => openStorage(`file:${folder}/songs`),
    damage: (id, text) => writeFile(join(folder, 'songs', folderOf(id).folder, 'result.json'), text),
    stop: () => rm(folder, { recursive: true }),
  };
});

describe('the folder of songs', () => {
  it('holds each generation below one of 256 shards, and nothing temporary afterwards', async () => {
    const folder = await temporary();
    const storage = await openFileStorage(join(folder, 'new', 'songs'));
    const id = someId();
    const song = songOf(id, Buffer.from('a song'));
    await writeFile(join(folder, 'answer'), 'a song');
    await storage.store(song.key, join(folder, 'answer'));
    await storage.commit(commitOf(id, song));
    await storage.commit(commitOf(id, song));
    await storage.check();
    const place = join('new', 'songs', id.slice(-2), id);
    expect(await filesIn(folder)).toEqual([join(place, `${song.token}.mp3`), join(place, 'result.json')].sort());
    await storage.remove(id);
    expect(await filesIn(folder)).toEqual([]);
  });

  it('loses what killed processes left in its temporary place, but nothing young', async () => {
    const folder = await temporary();
    await openFileStorage(folder);
    const old = new Date(Date.now() - 7_200_000);
    await mkdir(join(folder, '.tmp', 'old-folder'));
    for (const name of ['old-folder/song', 'old', 'young']) await writeFile(join(folder, '.tmp', name), 'x');
    await utimes(join(folder, '.tmp', 'old'), old, old);
    await utimes(join(folder, '.tmp', 'old-folder'), old, old);
    await openFileStorage(folder);
    expect(await readdir(join(folder, '.tmp'))).toEqual(['young']);
  });

  it('takes a song from another file system', async (context) => {
    const [folder, elsewhere] = [await temporary(), '/dev/shm'];
    const devices = await Promise.all(
      [folder, elsewhere].map((path) =>
        stat(path).then(
          ({ dev }) => dev,
          () => null,
        ),
      ),
    );
    if (devices[1] === null || devices[0] === devices[1]) return context.skip('needs a second file system');
    const spool = await mkdtemp(join(elsewhere, 'songmill-'));
    closers.push(() => rm(spool, { recursive: true }));
    const storage = await openFileStorage(folder);
    const song = songOf(someId(), Buffer.from('a song'));
    await writeFile(join(spool, 'answer'), 'a song');
    await storage.store(song.key, join(spool, 'answer'));
    expect(await readdir(spool)).toEqual([]);
    const [file = ''] = await filesIn(folder);
    expect(await readFile(join(folder, file), 'utf8')).toBe('a song');
  });

  it('says when it cannot be used, and works again when it can', async () => {
    const folder = await temporary();
    const storage = await openFileStorage(folder);
    // Not by permissions: the superuser may write anywhere.
    await rename(join(folder, '.tmp'), join(folder, 'elsewhere'));
    await writeFile(join(folder, '.tmp'), '');
    await expect(storage.check()).rejects.toMatchObject({ name: 'StorageError', code: 'unavailable' });
    await rm(join(folder, '.tmp'));
    await rename(join(folder, 'elsewhere'), join(folder, '.tmp'));
    await storage.check();
  });

  it('says when its folder went away', async () => {
    const folder = await temporary();
    const storage = await openFileStorage(join(folder, 'songs'));
    await rm(join(folder, 'songs'), { recursive: true });
    await expect(storage.check()).rejects.toMatchObject({ name: 'StorageError', code: 'unavailable' });
    await expect(storage.freeBytes()).rejects.toMatchObject({ name: 'StorageError', code: 'unavailable' });
  });

  it('cannot be a file', async () => {
    const folder = await temporary();
    await writeFile(join(folder, 'songs'), '');
    await expect(openFileStorage(join(folder, 'songs'))).rejects.toMatchObject({ code: 'unavailable' });
  });

  it('calls a full disk full', async () => {
    const full = asStorageError('x', async () => {
      throw Object.assign(new Error('no space'), { code: 'ENOSPC' });
    });
    await expect(full).rejects.toMatchObject({ name: 'StorageError', code: 'full' });
  });
});

describe('STORAGE_URL', () => {
  it.each([
    ['file:./data/songs', './data/songs'],
    ['file:data/songs', 'data/songs'],
    ['file:./50%/songs', './50%/songs'],
    ['file:/srv/songs', '/srv/songs'],
    ['file:///srv/my%20songs', '/srv/my songs'],
    ['FILE:///srv/songs', '/srv/songs'],
  ])('%s is the folder %s', (url, folder) => {
    expect(fileFolder(url)).toBe(folder);
  });

  it.each(['file:', 'file://', 'file://host/songs', 'http://x/', './songs', 'file:///%zz'])('%s is none', (url) => {
    expect(() => fileFolder(url)).toThrow(StorageError);
  });
});

describe('a process killed while it stores', () => {
  it('leaves no half file, no half commit, and no commit without its song', { timeout: 60_000 }, async () => {
    const folder = await temporary();
    const program = join(import.meta.dirname, 'testing', 'storing-program.ts');
    for (let round = 0; round < 6; round++) {
      const child = spawn(process.execPath, ['--conditions=source', program, folder], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const said = await linesUntil(child, 5 + 10 * round);
      child.kill('SIGKILL');
      await once(child, 'exit');

      const storage = await openStorage(`file:${join(folder, 'songs')}`);
      for (const id of said) expect((await storage.readCommit(id))?.generation_id).toBe(id);
    }
    const songs = join(folder, 'songs');
    const files = (await filesIn(songs)).filter((file) => !file.startsWith('.tmp'));
    const commits = files.filter((file) => file.endsWith('result.json'));
    expect(commits.length).toBeGreaterThan(100);
    for (const file of files) {
      const bytes = await readFile(join(songs, file));
      if (!file.endsWith('result.json')) expect(bytes.length).toBe(100_000);
      else expect(files).toContain(join(file.slice(0, 2), JSON.parse(bytes.toString()).song.key));
    }
  });
});

/** The first lines that a process writes. */
async function linesUntil(child: ChildProcess, count: number): Promise<string[]> {
  const lines: string[] = [];
  if (child.stdout === null) return lines;
  for await (const line of createInterface(child.stdout)) {
    lines.push(line);
    if (lines.length === count) break;
  }
  return lines;
}
