import { newToken } from '@songmill/shared/runtime/ids';
import type { RecordStore } from '@songmill/shared/runtime/records/store';
import { ProblemError } from '../errors.ts';

/** A process that dies while a body arrives blocks its key for so long at most. */
const HELD_MS = 15_000;
const RENEW_MS = 5000;

/**
 * Holds an idempotency key while its body arrives, and lets it go afterwards. Two at once on two
 * processes would both be read in vain; what decides is still `accept-batch`.
 *
 * @param key hashed; null when there is none
 * @throws ProblemError conflict while another body with the key is arriving
 */
export async function whileArriving<Answer>(
  { redis, keys }: RecordStore,
  key: string | null,
  work: () => Promise<Answer>,
): Promise<Answer> {
  if (key === null) return work();
  const name = `${keys.root}arriving:${key}`;
  const token = newToken();
  if ((await redis.set(name, token, 'PX', HELD_MS, 'NX')) === null && (await redis.get(name)) !== token) {
    const detail = 'a body with this Idempotency-Key is still arriving';
    throw new ProblemError('conflict', detail, { headers: { 'Retry-After': '5' } });
  }
  // A failed renewal is made up for by the next one, or else by `accept-batch`.
  const timer = setInterval(() => void redis.pexpire(name, HELD_MS).catch(() => undefined), RENEW_MS);
  try {
    return await work();
  } finally {
    clearInterval(timer);
    // Should this fail the key is free again by itself. One that took so long that another came is not in its way.
    const ours = await redis.get(name).catch(() => null);
    if (ours === token) await redis.del(name).catch(() => undefined);
  }
}
