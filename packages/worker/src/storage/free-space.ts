import type { Storage } from '@songmill/shared/runtime/storage/storage';

export interface FreeSpace {
  /** True when less than STORAGE_MIN_FREE_BYTES is left; asked at most once a second. */
  isLow(): Promise<boolean>;
}

const ASK_EVERY_MS = 1000;

/** A song is paid for before it is stored, so room is looked for first. */
export function watchFreeSpace(storage: Storage, minFreeBytes: number): FreeSpace {
  let askedAt = Number.NEGATIVE_INFINITY;
  let low: Promise<boolean> = Promise.resolve(false);
  return {
    isLow() {
      if (performance.now() - askedAt > ASK_EVERY_MS) {
        askedAt = performance.now();
        low = storage.freeBytes().then((free) => free !== null && free < minFreeBytes);
      }
      return low;
    },
  };
}
