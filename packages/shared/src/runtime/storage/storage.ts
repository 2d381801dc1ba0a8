import type { Readable } from 'node:stream';
import type { Part } from '../lifecycle.ts';
import type { Song } from '../records/types.ts';
import { openFileStorage } from './file-storage.ts';
import { fileFolder } from './file-url.ts';

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

/**
 * Where songs are kept. Keys are `<generation id>/<token>.<mp3|wav>`. Every method throws
 * `StorageError` and nothing else. Every driver passes `storageContract`.
 */
export interface Storage extends Part {
  /**
   * Moves a finished file to `key`; resolves when its bytes would survive a power cut. Its name there
   * does once `commit` has resolved; until then it is whole at `sourcePath` or under `key`, also after
   * a failure or a crash. Nobody ever sees half of it. The same once more is fine, also when the file
   * has already gone there.
   */
  store(key: string, sourcePath: string): Promise<void>;
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
  /** Null when nobody can tell. */
  freeBytes(): Promise<number | null>;
  /** Resolves when songs can be stored now. */
  check(): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Opens the storage that a `STORAGE_URL` names and makes its folder when it is missing.
 *
 * @param url the setting as written: `file:./relative`, `file:/absolute` or `file:///absolute`
 * @throws StorageError when it cannot be opened
 */
export async function openStorage(url: string): Promise<Storage> {
  return openFileStorage(fileFolder(url));
}
