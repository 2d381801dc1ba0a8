import type { Readable } from 'node:stream';
import type { Part } from '../lifecycle.ts';
import type { Song } from '../records/types.ts';
import { openFileStorage } from './file-storage.ts';
import { fileFolder } from './file-url.ts';
import { parseS3Url } from './s3-url.ts';
import { StorageError } from './storage-error.ts';

/** Which song a generation has: the one fact that outlives Redis. Written once, never changed. */
export interface Commit {
  readonly generation_id: string;
  readonly song: Song;
  /** RFC 3339. */
  readonly committed_at: string;
}

export interface SongStream {
  readonly stream: Readable;
  /** Bytes that the stream will give. */
  readonly bytes: number;
}

export interface StoreOptions {
  /** Its name survives a power cut, too: for a file that no commit will name, such as a reference's. */
  readonly withName?: boolean;
}

/**
 * Where songs and the files of references and batches are kept. Keys are `<id>/<name>.<mp3|wav|ndjson>`,
 * with the id of a generation, a reference or a batch. Every method throws
 * `StorageError` and nothing else. Every driver passes `storageContract`.
 */
export interface Storage extends Part {
  /**
   * Moves a finished file to `key`; resolves when its bytes would survive a power cut. Its name there
   * does once `commit` has resolved; until then it is whole at `sourcePath` or under `key`, also after
   * a failure or a crash. Nobody ever sees half of it. The same once more is fine, also when the file
   * has already gone there.
   */
  store(key: string, sourcePath: string, options?: StoreOptions): Promise<void>;
  /**
   * Makes this the song of its generation unless it has one; answers which one it has, ours or an
   * older one, only when that would survive a power cut. Store the song first.
   */
  commit(commit: Commit): Promise<Commit>;
  /** Null when nothing was committed. @throws StorageError `damaged` for a commit that cannot be read */
  readCommit(generationId: string): Promise<Commit | null>;
  /** Keys of the songs stored for a generation, committed or not; a crash can come between the two. */
  songs(generationId: string): Promise<string[]>;
  /** The song, or its bytes `start` to `end`, both included; null when there is none. */
  open(key: string, range?: { readonly start: number; readonly end: number }): Promise<SongStream | null>;
  /** Forgets commit and songs of one generation; fine when there are none. */
  remove(generationId: string): Promise<void>;
  /** The mark that tells this storage from any other; null when it has none. @throws StorageError `damaged` */
  readMark(): Promise<string | null>;
  /** Marks it, unless it is marked already. Survives a power cut. @param mark letters and digits */
  writeMark(mark: string): Promise<void>;
  /** Null when nobody can tell. */
  freeBytes(): Promise<number | null>;
  /** Resolves when songs can be stored now. */
  check(): Promise<void>;
  stop(): Promise<void>;
}

/** Settings that only an object store needs. */
export interface StoreKeys {
  readonly AWS_ACCESS_KEY_ID?: string | undefined;
  readonly AWS_SECRET_ACCESS_KEY?: string | undefined;
}

/**
 * Opens the storage that a `STORAGE_URL` names. A folder is made when it is missing; a bucket has to be there.
 *
 * @param url the setting as written: `file:./relative`, `file:/absolute`, `file:///absolute` or
 *   `s3://bucket/prefix?endpoint=…&region=…`
 * @throws StorageError when it cannot be opened
 */
export async function openStorage(url: string, keys: StoreKeys = {}): Promise<Storage> {
  if (!/^s3:/i.test(url)) return openFileStorage(fileFolder(url));
  const place = parseS3Url(url);
  if (typeof place === 'string') throw new StorageError('unavailable', `STORAGE_URL: ${place}`);
  // Loaded only for those who use it.
  const { openS3Storage } = await import('./s3-storage.ts');
  return openS3Storage(place, {
    accessKeyId: keys.AWS_ACCESS_KEY_ID ?? '',
    secretAccessKey: keys.AWS_SECRET_ACCESS_KEY ?? '',
  });
}
