import { setTimeout as delay } from 'node:timers/promises';
import { newToken } from '../ids.ts';
import type { RecordStore } from '../records/store.ts';
import type { Storage } from '../storage/storage.ts';

/**
 * `other`: it holds the songs of another installation, or of nobody we know. `empty`: it holds no mark although Redis
 * knows one, as a folder does on which nothing is mounted. `unsettled`: somebody is making the mark right now.
 */
export type Sameness = 'same' | 'other' | 'empty' | 'unsettled';

const LEASE_MS = 30_000;
const LOOKS = 20;
const LOOK_MS = 50;

/**
 * Whether this process sees the storage that all others see. A random mark is in the storage and in Redis; the first
 * process makes it, and a Redis that is new or forgot takes over what the storage says.
 * @throws StorageError or an error of Redis when one of the two cannot be asked
 */
export async function sameStorage(
  store: RecordStore,
  storage: Pick<Storage, 'readMark' | 'writeMark'>,
): Promise<Sameness> {
  let seen = await look(store, storage);
  for (let looks = 1; seen === 'unsettled' && looks < LOOKS; looks++) {
    await delay(LOOK_MS);
    seen = await look(store, storage);
  }
  return seen;
}

async function look({ redis, keys }: RecordStore, storage: Pick<Storage, 'readMark' | 'writeMark'>): Promise<Sameness> {
  const [found, known] = [await storage.readMark(), await redis.get(keys.storageMark)];
  if (found !== null && found === known) return 'same';
  if (found !== null && known !== null) return 'other';
  if (found === null && known !== null) return 'empty';
  // One process at a time, because not every object store lets only the first of two writes through.
  if (found === null) {
    if ((await redis.set(`${keys.storageMark}:lease`, '1', 'PX', LEASE_MS, 'NX')) === null) return 'unsettled';
    await storage.writeMark(newToken());
  }
  const written = found ?? (await storage.readMark());
  if (written === null) return 'unsettled';
  await redis.set(keys.storageMark, written, 'NX');
  return (await redis.get(keys.storageMark)) === written ? 'same' : 'other';
}
