import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Storage } from '@songmill/shared/runtime/storage/storage';
import type { SongSeen } from './record.ts';
import type { SecretScan } from './secret-scan.ts';

export interface SongFile {
  readonly token: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** What storage holds for one generation (or reference). */
export interface StoredSongs {
  /** What `result.json` says; `damaged` when it says nothing that makes sense. */
  readonly commit: SongSeen | 'damaged' | null;
  readonly files: readonly SongFile[];
  /** Names that mean nothing to anybody. */
  readonly strangers: readonly string[];
}

export interface StorageSeen {
  readonly byId: ReadonlyMap<string, StoredSongs>;
  /** Half-written files, with the time of the last write. */
  readonly temporary: readonly { readonly name: string; readonly writtenMs: number }[];
}

const TEMPORARY = '.tmp';
/** Songs hashed at once. */
const READERS = 16;

/** Reads every song and commit file in a storage folder; nothing when there is none. */
export async function readSongs(root: string, scan: SecretScan): Promise<StorageSeen> {
  const places: { id: string; folder: string }[] = [];
  for (const shard of await foldersIn(root)) {
    if (shard === TEMPORARY) continue;
    for (const id of await foldersIn(join(root, shard))) places.push({ id, folder: join(root, shard, id) });
  }
  const byId = new Map<string, StoredSongs>();
  const readers = Array.from({ length: READERS }, async () => {
    for (let place = places.pop(); place; place = places.pop()) byId.set(place.id, await readOne(place, scan));
  });
  await Promise.all(readers);
  return { byId, temporary: await readTemporary(join(root, TEMPORARY)) };
}

async function readOne(place: { id: string; folder: string }, scan: SecretScan): Promise<StoredSongs> {
  const files: SongFile[] = [];
  const strangers: string[] = [];
  let commit: StoredSongs['commit'] = null;
  for (const name of await readdir(place.folder)) {
    const path = join(place.folder, name);
    const song = /^([0-9A-Za-z]+)\.(?:mp3|wav)$/.exec(name);
    if (name === 'result.json') {
      const text = await readFile(path, 'utf8');
      scan.look(`${name} of ${place.id}`, text);
      commit = commitOf(text, place.id);
    } else if (song === null) strangers.push(name);
    else files.push({ token: song[1]!, ...(await digestOf(path)) });
  }
  return { commit, files, strangers };
}

/** The same of an object store, through its driver: one look at each of these ids. */
export async function readSongsOf(storage: Storage, ids: readonly string[]): Promise<StorageSeen> {
  const left = [...ids];
  const byId = new Map<string, StoredSongs>();
  const readers = Array.from({ length: READERS }, async () => {
    for (let id = left.pop(); id !== undefined; id = left.pop()) {
      const keys = await storage.songs(id);
      const commit = await storage.readCommit(id).then(
        (found) => found?.song ?? null,
        () => 'damaged' as const,
      );
      if (commit === null && keys.length === 0) continue;
      const files = await Promise.all(keys.map((key) => digestOfKey(storage, key)));
      byId.set(id, { commit, files, strangers: [] });
    }
  });
  await Promise.all(readers);
  return { byId, temporary: [] };
}

async function digestOfKey(storage: Storage, key: string): Promise<SongFile> {
  const found = await storage.open(key);
  if (found === null) throw new Error(`${key} is listed and cannot be opened`);
  const hash = createHash('sha256');
  await pipeline(found.stream, hash);
  return { token: basename(key, extname(key)), bytes: found.bytes, sha256: hash.digest('hex') };
}

function commitOf(text: string, id: string): SongSeen | 'damaged' {
  try {
    const { generation_id, song } = JSON.parse(text) as { generation_id: string; song: SongSeen };
    return generation_id === id && typeof song.token === 'string' ? song : 'damaged';
  } catch {
    return 'damaged';
  }
}

async function digestOf(path: string): Promise<{ bytes: number; sha256: string }> {
  const hash = createHash('sha256');
  const input = createReadStream(path);
  await pipeline(input, hash);
  return { bytes: input.bytesRead, sha256: hash.digest('hex') };
}

async function readTemporary(folder: string): Promise<StorageSeen['temporary']> {
  const names = await namesIn(folder);
  return Promise.all(names.map(async (name) => ({ name, writtenMs: (await stat(join(folder, name))).mtimeMs })));
}

async function foldersIn(folder: string): Promise<string[]> {
  const names = await namesIn(folder);
  const kinds = await Promise.all(names.map(async (name) => (await stat(join(folder, name))).isDirectory()));
  return names.filter((_, i) => kinds[i]);
}

/** Names in a folder; none when there is no such folder. */
export async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
