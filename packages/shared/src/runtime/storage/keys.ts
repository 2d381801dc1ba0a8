import { join } from 'node:path';
import { StorageError } from './storage-error.ts';

const GENERATION_ID = /^[a-z]{3}_[0-9A-Za-z]{1,64}$/;
const KEY = /^([a-z]{3}_[0-9A-Za-z]{1,64})\/([0-9A-Za-z]{1,64}\.(?:mp3|wav|ndjson))$/;

export const COMMIT_FILE = 'result.json';
export const MARK_FILE = '.storage-mark';

/** @throws StorageError `damaged` for text that is no mark */
export function parseMark(text: string): string {
  const mark = /^([0-9A-Za-z]{1,64})\n$/.exec(text)?.[1];
  if (mark === undefined) throw new StorageError('damaged', `${MARK_FILE} holds no mark`);
  return mark;
}

/** The folder of one generation below the root. Nothing but letters, digits and `_` reaches a path. */
export function folderOf(generationId: string): { readonly shard: string; readonly folder: string } {
  if (!GENERATION_ID.test(generationId)) throw new StorageError('damaged', 'not the id of a generation');
  // Ids begin with their time and end in random digits: 256 shards of even size.
  const shard = generationId.slice(-2).toLowerCase();
  return { shard, folder: join(shard, generationId) };
}

export interface SongPlace {
  readonly generationId: string;
  readonly file: string;
}

/** Takes a key apart. @throws StorageError `damaged` for text that is none */
export function placeOf(key: string): SongPlace {
  const match = KEY.exec(key);
  if (match === null) throw new StorageError('damaged', 'not the key of a song');
  return { generationId: match[1] as string, file: match[2] as string };
}
