import { createHash } from 'node:crypto';
import { newToken } from '@songmill/shared/runtime/ids';
import { claimGeneration } from '@songmill/shared/runtime/records/claim';
import { publishGeneration } from '@songmill/shared/runtime/records/publish';
import { releaseGeneration } from '@songmill/shared/runtime/records/release';
import type { Song } from '@songmill/shared/runtime/records/types';
import type { ApiFixture } from './api-fixture.ts';

type Place = Pick<ApiFixture, 'store' | 'storage'>;

/** Does what a worker does in the end: stores a song and publishes it. */
export async function publish({ store, storage }: Place, id: string, bytes: Buffer): Promise<Song> {
  const token = newToken();
  const key = `${id}/${token}.mp3`;
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  storage.songs.set(key, bytes);
  const about = { kind: 'song', format: 'mp3', duration_ms: 1000, trace_id: null } as const;
  const song: Song = { token, key, bytes: bytes.length, sha256, ...about };
  const answer = await publishGeneration(store, { id, token, worker: 'wrk_test', song, upstream: null });
  if (answer.outcome === 'gone') throw new Error(`${id} is gone`);
  return song;
}

/** One paid call that the upstream refused: the generation is failed. */
export async function fail(place: Place, id: string, run = 1): Promise<void> {
  await endCall(place, id, run, 'invalid_request');
}

/** One call that never answered: needs_review, if the request says `on_unknown_charge: hold`. */
export async function leaveUnknown(place: Place, id: string, run = 1): Promise<void> {
  await endCall(place, id, run, 'timeout');
}

/** One call that was refused because of the account, which is held from then on. */
export async function tripHold(place: Place, id: string): Promise<void> {
  await endCall(place, id, 1, 'account', 'account');
}

/** A call is under way. Answers its token. */
export async function claim({ store }: Place, id: string, run = 1): Promise<string> {
  const token = newToken();
  const limits = { maxAttempts: 5, maxUnknownCharges: 2 };
  const times = { leaseMs: 600_000, longestCallMs: 600_000 };
  const answer = await claimGeneration(store, { id, run, token, worker: 'wrk_test', ...limits, ...times });
  if (answer.outcome !== 'claimed') throw new Error(`claim answered ${answer.outcome}`);
  return token;
}

async function endCall(
  place: Place,
  id: string,
  run: number,
  kind: 'invalid_request' | 'timeout' | 'account',
  hold: string | null = null,
): Promise<void> {
  const token = await claim(place, id, run);
  await releaseGeneration(place.store, {
    ...{
      id,
      token,
      worker: 'w1',
      kind,
      message: 'as the test says',
      upstream: null,
      delayMs: 0,
      waitReason: 'backoff',
    },
    ...{ gaveUp: false, breaker: { firstMs: 60_000, longestMs: 60_000 } },
    ...{ hold, firstProbeMs: 60_000, maxAttempts: 5, maxUnknownCharges: 2 },
  });
}
