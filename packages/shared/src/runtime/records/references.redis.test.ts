import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LEASE_MS, openTestRecords, type TestRecords } from '../../testing/records.ts';
import { startRedis, type TestRedis } from '../../testing/redis.ts';
import { newId, newToken } from '../ids.ts';
import { readHold } from './hold.ts';
import {
  acceptReference,
  eraseReference,
  listReferences,
  type NewReference,
  readReference,
  reopenReference,
} from './references.ts';
import { claimUpload, findMissingUploads, settleUpload, type UploadEnd } from './uploads.ts';

let server: TestRedis;
let records: TestRecords;
beforeAll(async () => {
  server = await startRedis();
  records = openTestRecords(server.url, 'references');
});
afterAll(async () => {
  records.close();
  await server.stop();
});

function reference(change: Partial<NewReference> = {}): NewReference {
  const id = change.id ?? newId('ref');
  return {
    ...{ id, project: 'p', purpose: 'voice', filename: 'a.wav', key: `${id}/t.wav`, bytes: 5, durationMs: 11_000 },
    ...{ sha256: 'x', idempotency: null, ...change },
  };
}

async function accepted(change?: Partial<NewReference>): Promise<string> {
  const given = reference(change);
  expect(await acceptReference(records.store, given)).toMatchObject({ outcome: 'accepted' });
  return given.id;
}

const claim = (id: string, token: string, change = {}) =>
  claimUpload(records.store, {
    ...{ id, run: 1, token, worker: 'w1', leaseMs: LEASE_MS, longestCallMs: 1000, maxAttempts: 3, ...change },
  });
const settle = (id: string, token: string, end: UploadEnd) =>
  settleUpload(records.store, { id, token, end, firstProbeMs: 60_000, maxAttempts: 3 });
const uploaded: UploadEnd = { kind: 'uploaded', voiceId: 'v1', instrumentalId: null };
const failed = (kind: Exclude<UploadEnd['kind'], 'uploaded'>): UploadEnd => ({
  ...{ kind, message: `it was ${kind}`, upstream: null, delayMs: 0 },
});

describe('each script of references, run twice', () => {
  it('accept-reference: the same id again is the same reference, in its lists once', async () => {
    const idempotency = { key: 'k1', fingerprint: 'f' };
    const given = reference({ idempotency, project: 'twice' });
    const first = await acceptReference(records.store, given);
    expect(await acceptReference(records.store, given)).toEqual(first);
    expect((await listReferences(records.store, { project: 'twice', limit: 9, after: null })).references).toHaveLength(
      1,
    );
    const other = reference({ idempotency, project: 'twice' });
    expect(await acceptReference(records.store, other)).toEqual({ outcome: 'replayed', id: given.id });
    const reused = reference({ idempotency: { key: 'k1', fingerprint: 'g' }, project: 'twice' });
    expect(await acceptReference(records.store, reused)).toEqual({ outcome: 'key_reused' });
  });

  it('claim-reference: the same token again is the same claim, another one has to wait', async () => {
    await records.alive('w1');
    const id = await accepted();
    const token = newToken();
    const first = await claim(id, token);
    expect(first).toMatchObject({ outcome: 'claimed', counted: 0, key: `${id}/t.wav`, bytes: 5 });
    expect(await claim(id, token)).toEqual(first);
    expect(await claim(id, newToken())).toMatchObject({ outcome: 'busy' });
  });

  it('settle-reference: a failure counts once, and a success stands', async () => {
    const id = await accepted();
    const [first, second] = [newToken(), newToken()];
    await claim(id, first);
    const answer = await settle(id, first, failed('timeout'));
    expect(answer).toMatchObject({ outcome: 'settled', status: 'queued' });
    expect(await settle(id, first, failed('timeout'))).toEqual(answer);
    expect(await claim(id, second)).toMatchObject({ outcome: 'claimed', counted: 1 });
    const good = await settle(id, second, uploaded);
    expect(await settle(id, second, uploaded)).toEqual(good);
    expect(await readReference(records.store, id)).toMatchObject({ status: 'succeeded', voice_id: 'v1' });
    expect(await settle(id, 'unknown', failed('timeout'))).toEqual({ outcome: 'gone' });
    expect(await claim(id, newToken())).toEqual({ outcome: 'done' });
  });

  it('reopen-reference: the same operation starts one run', async () => {
    const id = await accepted();
    expect(await reopenReference(records.store, { id, idempotency: null })).toEqual({
      outcome: 'conflict',
      status: 'queued',
    });
    const token = newToken();
    await claim(id, token);
    await settle(id, token, failed('invalid_request'));
    const again = { id, idempotency: { key: 'k2', fingerprint: 'f' }, operation: 'o' };
    const answer = await reopenReference(records.store, again);
    expect(answer).toMatchObject({ outcome: 'reopened', pointer: { run: 2 } });
    expect(await reopenReference(records.store, again)).toEqual(answer);
    expect(await reopenReference(records.store, { ...again, operation: 'p' })).toEqual({ outcome: 'replayed' });
    expect(await readReference(records.store, id)).toMatchObject({ status: 'queued', error: null, finished_at: null });
  });

  it('erase-reference: the same operation answers erased again, another one that there is none', async () => {
    const id = await accepted();
    expect(await eraseReference(records.store, id, 'o')).toBe('erased');
    expect(await eraseReference(records.store, id, 'o')).toBe('erased');
    expect(await eraseReference(records.store, id, 'p')).toBe('missing');
    expect(await records.store.redis.sismember(records.store.keys.sweep, id)).toBe(1);
  });
});

describe('uploads', () => {
  it('fault: an upload of a dead worker counts as a failure and is made again, up to the limit', async () => {
    const id = await accepted();
    for (const worker of ['d1', 'd2', 'd3']) {
      await records.alive(worker);
      expect(await claim(id, newToken(), { worker })).toMatchObject({ outcome: 'claimed' });
      await records.dead(worker);
    }
    expect(await claim(id, newToken())).toEqual({ outcome: 'done' });
    expect(await readReference(records.store, id)).toMatchObject({
      status: 'failed',
      error: { code: 'upstream_unavailable', message: 'the worker died during the upload' },
    });
  });

  it('what waits for its upload and has no pointer is found', async () => {
    const id = await accepted();
    const { missing } = await findMissingUploads(records.store, { from: 0, count: 100 });
    expect(missing).toContainEqual({ id, run: 1, priority: 'normal' });
  });

  it('fault: a refused account is held by an upload, stops others, and one probe lifts it', async () => {
    const held = openTestRecords(server.url, 'held');
    const { store } = held;
    await held.alive('w1');
    const [one, two] = [reference(), reference()];
    await acceptReference(store, one);
    await acceptReference(store, two);
    const of = (id: string, token: string) =>
      claimUpload(store, { id, run: 1, token, worker: 'w1', leaseMs: 60_000, longestCallMs: 1000, maxAttempts: 3 });
    await of(one.id, 'a');
    const end = { ...failed('account'), delayMs: 0 } as UploadEnd;
    const tripped = await settleUpload(store, { id: one.id, token: 'a', end, firstProbeMs: 60_000, maxAttempts: 3 });
    expect(tripped).toMatchObject({ status: 'queued', lifted: false });
    expect(await readHold(store, 'account')).toMatchObject({ reason: 'it was account' });
    // Long before the probe is due: an operator may resume meanwhile.
    expect(await of(two.id, 'b')).toEqual({ outcome: 'held', ms: 5000 });
    await store.redis.hset(store.keys.hold('account'), 'next_probe_at', 1);
    expect(await of(two.id, 'b')).toMatchObject({ outcome: 'claimed' });
    expect(await of(one.id, 'c')).toEqual({ outcome: 'held', ms: 1000 });
    const lifted = await settleUpload(store, {
      id: two.id,
      token: 'b',
      end: uploaded,
      firstProbeMs: 1,
      maxAttempts: 3,
    });
    expect(lifted).toMatchObject({ status: 'succeeded', lifted: true, heldMs: 0 });
    expect(await readHold(store, 'account')).toBe(null);
    held.close();
  });

  it('fault: a limit that one upload met stops all of them for as long as it was told', async () => {
    const [one, two] = [await accepted(), await accepted()];
    const token = newToken();
    await claim(one, token);
    await settle(one, token, { ...failed('rate_limited'), delayMs: 60_000 } as UploadEnd);
    const other = await claim(two, newToken());
    expect(other).toMatchObject({ outcome: 'early' });
    expect((other as { ms: number }).ms).toBeGreaterThan(50_000);
    await records.store.redis.del(`${records.store.keys.root}uploads-wait`);
    expect(await claim(two, newToken())).toMatchObject({ outcome: 'claimed' });
  });

  it('fault: after a day of rate limits an upload fails and may be tried again; a quota is waited out', async () => {
    const { redis, keys } = records.store;
    for (const [kind, status] of [
      ['rate_limited', 'failed'],
      ['quota', 'queued'],
    ] as const) {
      const id = await accepted();
      for (let n = 0; n < 2; n++) {
        const token = newToken();
        expect(await claim(id, token)).toMatchObject({ outcome: 'claimed', counted: 0 });
        await settle(id, token, { ...failed(kind), delayMs: 0 } as UploadEnd);
        await redis.del(`${keys.root}uploads-wait`);
        if (await redis.hexists(keys.reference(id), 'rl_since')) await redis.hset(keys.reference(id), 'rl_since', 1);
      }
      expect(await readReference(records.store, id)).toMatchObject({ status });
      if (status === 'queued') continue;
      expect(await readReference(records.store, id)).toMatchObject({
        error: { code: 'upstream_unavailable', retryable: true, message: 'it was rate_limited' },
      });
      await reopenReference(records.store, { id, idempotency: null });
      expect(await redis.hexists(keys.reference(id), 'rl_since')).toBe(0);
    }
  });
});
