import { statfs } from 'node:fs/promises';
import type { Foundations } from '@songmill/shared/runtime/foundations/foundations';
import type { Storage } from '@songmill/shared/runtime/storage/storage';
import { StorageError } from '@songmill/shared/runtime/storage/storage-error';

/**
 * Bytes free for the next song, on its way through the spool to the storage: the smaller room of the two; null when
 * nobody can tell.
 */
export async function roomForSongs(storage: Storage, spoolDir: string): Promise<number | null> {
  const [stored, spool] = await Promise.all([
    storage.freeBytes(),
    statfs(spoolDir).then(
      ({ bavail, bsize }) => bavail * bsize,
      // Where it cannot be asked a song cannot be kept, either: less than nothing, since the setting may be 0.
      () => -1,
    ),
  ]);
  return stored === null ? spool : Math.min(stored, spool);
}

/**
 * The storage, but a song that was paid for is stored only where the others will find it: while it is another one, or
 * none is mounted, storing fails like a disk that is away, and the song waits in the spool.
 */
export function onlyTheRightStorage(storage: Storage, foundations: Pick<Foundations, 'look'>): Storage {
  return {
    ...storage,
    async store(key, sourcePath, options) {
      const { status, reason } = (await foundations.look()).storage;
      if (status === 'unavailable') throw new StorageError('unavailable', reason ?? 'the storage cannot be used');
      await storage.store(key, sourcePath, options);
    },
  };
}
