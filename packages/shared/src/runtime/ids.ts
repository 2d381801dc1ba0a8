import { createHash, randomFillSync } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';

export type IdPrefix = 'gen' | 'bat' | 'ref' | 'whe' | 'dlv' | 'evt' | 'key' | 'blk' | 'wrk';

/**
 * A new public id: the prefix, `_`, and a UUIDv7 without dashes, so that ids made later sort later
 * (within the clock skew of their makers) and none can be guessed.
 */
export function newId(prefix: IdPrefix): string {
  return `${prefix}_${uuidv7({ random: random(16) }).replaceAll('-', '')}`;
}

/**
 * The id of the generation that item `index` of a batch becomes, whoever makes it and however often.
 * Like a UUIDv7 it begins with the batch's time, and items sort in input order; the end is hashed from
 * the batch's id, which nobody guesses.
 *
 * @param index below 2^20
 */
export function itemId(batchId: string, index: number): string {
  const place = index.toString(16).padStart(5, '0');
  const hash = createHash('sha256').update(`${batchId} ${index}`).digest('hex');
  return `gen_${batchId.slice(4, 16)}${place}${hash.slice(0, 15)}`;
}

/** True for text that can be an id of this kind; everything else is "not found" without a look-up. */
export function isId(prefix: IdPrefix, text: string): boolean {
  return text.startsWith(`${prefix}_`) && /^[0-9a-zA-Z]{1,64}$/.test(text.slice(prefix.length + 1));
}

/**
 * A token fences one attempt: it names the intent, the attempt and the stored file. It is random
 * because a counter would repeat after Redis loses the tail of its log.
 */
export function newToken(): string {
  return random(12).toString('hex');
}

/** Asking the system for 16 bytes costs as much as asking it for 4,096, which was 5 % of accepting a song. */
const pool = Buffer.alloc(4096);
let used = pool.length;

function random(bytes: number): Buffer {
  if (used + bytes > pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  // A copy: whoever keeps an id's bytes must not see them change.
  const slice = Buffer.from(pool.subarray(used, used + bytes));
  used += bytes;
  return slice;
}
