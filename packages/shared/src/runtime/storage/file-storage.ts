import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { link, mkdir, open, readdir, readFile, rename, rm, statfs, unlink } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { commitText, parseCommit } from './commit-file.ts';
import { copyDurably, makeFolders, moveAway, syncFile, writeDurably } from './durable-files.ts';
import { FolderSync } from './folder-sync.ts';
import { COMMIT_FILE, folderOf, MARK_FILE, parseMark, placeOf } from './keys.ts';
import type { Commit, SongStream, Storage, StoreOptions } from './storage.ts';
import { asStorageError, isMissing, StorageError } from './storage-error.ts';
import { sweep } from './sweep.ts';

/** Half-written files, on the same file system as the songs so that a rename or link can publish them. */
const TEMPORARY = '.tmp';

/**
 * Songs in a folder: `<shard>/<generation id>/<token>.mp3` and `result.json` beside it. A commit must
 * never name a song that a power cut could take. So `store` syncs the song's bytes before it gives
 * them their name, and `commit` syncs its own bytes before it gives them theirs, and then both names
 * at once: two data syncs and two of folders for a song.
 */
export async function openFileStorage(path: string): Promise<Storage> {
  const root = resolve(path);
  const temporary = join(root, TEMPORARY);
  const folders = new FolderSync();
  await asStorageError(`opening ${root}`, async () => {
    await makeFolders(temporary);
    await sweep(temporary);
  });
  const aside = () => join(temporary, randomBytes(12).toString('hex'));

  async function store(key: string, sourcePath: string, { withName = false }: StoreOptions = {}): Promise<void> {
    const { generationId, file } = placeOf(key);
    const folder = join(root, folderOf(generationId).folder);
    const [source] = await Promise.all([syncFile(sourcePath), makeFolder(generationId)]);
    const target = join(folder, file);
    if (source === 'missing') {
      const found = await syncFile(target);
      if (found === 'missing') throw new StorageError('damaged', `there is no file to store as ${key}`);
    } else if ((await moveTo(sourcePath, target)) === 'other file system') {
      const copy = aside();
      await copyDurably(sourcePath, copy);
      await rename(copy, target);
      await folders.sync(folder);
      await unlink(sourcePath);
    }
    if (withName) await Promise.all([folders.sync(folder), folders.sync(join(root, folderOf(generationId).shard))]);
  }

  async function makeFolder(generationId: string): Promise<void> {
    const { shard, folder } = folderOf(generationId);
    try {
      await mkdir(join(root, folder), 0o750);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EEXIST') return;
      if (code !== 'ENOENT') throw error;
      // The first generation of its shard, which happens 256 times in a lifetime.
      await mkdir(join(root, folder), { recursive: true, mode: 0o750 });
      await folders.sync(join(root, shard, '..'));
    }
  }

  async function commit(given: Commit): Promise<Commit> {
    const id = given.generation_id;
    if (placeOf(given.song.key).generationId !== id) throw new StorageError('damaged', 'a commit of two generations');
    const { shard, folder } = folderOf(id);
    const written = aside();
    await writeDurably(written, commitText(given));
    try {
      const won = await linkFirst(written, join(root, folder, COMMIT_FILE));
      // Names of shard, song and commit. An older commit may be too young to have one, so both wait.
      await Promise.all([folders.sync(join(root, folder)), folders.sync(join(root, shard))]);
      return won ? given : await committed(id);
    } finally {
      await unlink(written);
    }
  }

  async function readCommit(generationId: string): Promise<Commit | null> {
    try {
      const text = await readFile(join(root, folderOf(generationId).folder, COMMIT_FILE), 'utf8');
      return parseCommit(text, generationId);
    } catch (error) {
      if (isMissing(error)) return null;
      throw error;
    }
  }

  async function committed(generationId: string): Promise<Commit> {
    const found = await readCommit(generationId);
    if (found === null) throw new StorageError('unavailable', `the commit of ${generationId} went away meanwhile`);
    return found;
  }

  async function songs(generationId: string): Promise<string[]> {
    try {
      const names = await readdir(join(root, folderOf(generationId).folder));
      return names.filter((name) => /\.(mp3|wav)$/.test(name)).map((name) => `${generationId}/${name}`);
    } catch (error) {
      if (isMissing(error)) return [];
      throw error;
    }
  }

  async function openSong(key: string, range?: { start: number; end: number }): Promise<SongStream | null> {
    const { generationId, file } = placeOf(key);
    const song = join(root, folderOf(generationId).folder, file);
    let handle: Awaited<ReturnType<typeof open>>;
    try {
      handle = await open(song, constants.O_RDONLY | constants.O_NOFOLLOW);
    } catch (error) {
      if (isMissing(error)) return null;
      throw error;
    }
    try {
      const { size } = await handle.stat();
      const start = range?.start ?? 0;
      const end = Math.min(range?.end ?? size - 1, size - 1);
      if (start < 0 || start > end) throw new StorageError('damaged', `the song has ${size} bytes`);
      return { stream: handle.createReadStream({ start, end }), bytes: end - start + 1 };
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  async function remove(generationId: string): Promise<void> {
    const { shard, folder } = folderOf(generationId);
    // One rename takes commit and songs away together: a commit never stays behind without its song.
    const gone = aside();
    if (!(await moveAway(join(root, folder), gone))) return;
    await folders.sync(join(root, shard));
    await rm(gone, { recursive: true, force: true });
  }

  async function readMark(): Promise<string | null> {
    try {
      return parseMark(await readFile(join(root, MARK_FILE), 'utf8'));
    } catch (error) {
      if (isMissing(error)) return null;
      throw error;
    }
  }

  async function writeMark(mark: string): Promise<void> {
    const written = aside();
    await writeDurably(written, `${mark}\n`);
    try {
      await linkFirst(written, join(root, MARK_FILE));
      await folders.sync(root);
    } finally {
      await unlink(written);
    }
  }

  async function check(): Promise<void> {
    const probe = aside();
    try {
      const handle = await open(probe, 'wx', 0o640);
      try {
        await handle.write('x');
      } finally {
        await handle.close();
      }
    } finally {
      await rm(probe, { force: true });
    }
  }

  return {
    store: (key, sourcePath, options) => asStorageError('storing a song', () => store(key, sourcePath, options)),
    commit: (given) => asStorageError('committing a song', () => commit(given)),
    readCommit: (generationId) => asStorageError('reading a commit', () => readCommit(generationId)),
    songs: (generationId) => asStorageError('listing songs', () => songs(generationId)),
    open: (key, range) => asStorageError('opening a song', () => openSong(key, range)),
    remove: (generationId) => asStorageError('removing a song', () => remove(generationId)),
    readMark: () => asStorageError('reading the mark', readMark),
    writeMark: (mark) => asStorageError('marking the storage', () => writeMark(mark)),
    freeBytes: () =>
      asStorageError('asking for free space', async () => {
        const { bavail, bsize } = await statfs(root);
        return bavail * bsize;
      }),
    check: () => asStorageError('writing to the storage', check),
    stop: async () => {},
  };
}

/** @returns false when a name was there before */
async function linkFirst(written: string, target: string): Promise<boolean> {
  try {
    await link(written, target);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

async function moveTo(source: string, target: string): Promise<'moved' | 'other file system'> {
  try {
    await rename(source, target);
    return 'moved';
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EXDEV') return 'other file system';
    throw error;
  }
}
