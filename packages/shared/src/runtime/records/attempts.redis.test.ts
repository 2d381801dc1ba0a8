import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { LEASE_MS, openTestRecords, songOf, type TestRecords } from '../../testing/records.ts';
import { startRedis, type TestRedis } from '../../testing/redis.ts';
import { closeDeadCall } from './died.ts';
import { markAnswered } from './publish.ts';
import { reapDeadCalls } from './reap.ts';

let server: TestRedis;
let records: TestRecords;
let opened = 0;

beforeAll(async () => {
  server = await startRedis();
});
beforeEach(() => {
  opened += 1;
  records = openTestRecords(server.url, `t${opened}`);
});
afterEach(() => records.close());
afterAll(() => server.stop());

const settle = (id: string) => records.read(id).then(({ status }) => status);

describe('one call at a time', () => {
  it('a live worker keeps its call to itself: another worker is told busy', async () => {
    const id = await records.accepted();
    await records.alive('w1');
    await records.claimed(id, { worker: 'w1' });
    const second = await records.claim(id, { worker: 'w2' });
    expect(second).toMatchObject({ outcome: 'busy' });
    const { ms } = second as { ms: number };
    expect(ms).toBeGreaterThan(0);
    expect(ms).toBeLessThanOrEqual(LEASE_MS);
    expect(await records.read(id)).toMatchObject({ attemptsTotal: 1, unknownCharges: 0 });
  });

  it("a dead worker's call may have been billed: it counts toward both limits before another one starts", async () => {
    const id = await records.accepted();
    await records.alive('w1');
    await records.claimed(id, { worker: 'w1' });
    await records.dead('w1');
    expect(await records.claim(id, { worker: 'w2' })).toMatchObject({ outcome: 'claimed', attempt: 2, counted: 1 });
    const record = await records.read(id);
    expect(record).toMatchObject({ status: 'processing', counted: 1, unknownCharges: 1 });
    expect(record.attempts[0]).toMatchObject({ worker: 'w1', outcome: 'unknown', charge: 'unknown' });
    expect(record.attempts[0]!.finished_at).not.toBeNull();
  });

  it('a worker that left for good is as dead as a silent one', async () => {
    const id = await records.accepted();
    await records.claimed(id, { worker: 'never-beat' });
    expect(await records.claim(id, { worker: 'w2' })).toMatchObject({ outcome: 'claimed', attempt: 2 });
  });

  it('an answer that waits for storage blocks further calls, however long its worker has been dead', async () => {
    const id = await records.accepted();
    await records.alive('w1');
    const token = await records.claimed(id);
    expect(await markAnswered(records.store, { id, token, worker: 'w1', upstream: null })).toEqual({
      outcome: 'marked',
    });
    await records.dead('w1');
    expect(await records.claim(id, { worker: 'w2' })).toMatchObject({ outcome: 'busy' });
    expect((await records.read(id)).attempts).toMatchObject([{ outcome: 'succeeded', charge: 'charged' }]);
    expect((await records.publish(id, token)).outcome).toBe('published');
  });

  it('an answer found on disk after its call was given up blocks further calls too', async () => {
    const id = await records.accepted();
    const lost = await records.claimed(id, { worker: 'w1' });
    const second = await records.claimed(id, { worker: 'w2' });
    await records.release(id, second, 'not_sent');
    await markAnswered(records.store, { id, token: lost, worker: 'w1', upstream: null });
    expect(await records.claim(id, { worker: 'w3' })).toMatchObject({ outcome: 'busy' });
    expect((await records.publish(id, lost)).outcome).toBe('published');
    expect(await records.read(id)).toMatchObject({ status: 'succeeded', attemptsTotal: 2, song: songOf(lost) });
  });

  it.each([
    ['canceled', 'retry'],
    ['needs_review', 'resolve_retry'],
  ] as const)(
    'an answer found on disk after its generation was %s is waited for by what runs again',
    async (status, action) => {
      const id = await records.accepted();
      const token = await records.claimed(id, { worker: 'w1' });
      if (status === 'canceled') await records.cancel(id);
      await closeDeadCall(records.store, { id, token, worker: 'w1', maxAttempts: 5, maxUnknownCharges: 1 });
      expect(await settle(id)).toBe(status);
      await markAnswered(records.store, { id, token, worker: 'w1', upstream: null });
      await records.reopen(id, { action });
      expect(await records.claim(id, { run: 2 })).toMatchObject({ outcome: 'busy' });
      expect((await records.publish(id, token)).outcome).toBe('published');
      expect(await records.read(id)).toMatchObject({ status: 'succeeded', attemptsTotal: 1, song: songOf(token) });
    },
  );

  it('an answer that was lost on the way to storage is judged like any other failed call', async () => {
    const id = await records.accepted();
    await records.alive('w1');
    const token = await records.claimed(id);
    await markAnswered(records.store, { id, token, worker: 'w1', upstream: null });
    expect(await records.release(id, token, 'unusable_audio')).toMatchObject({ status: 'queued' });
    expect(await records.read(id)).toMatchObject({ counted: 1, unknownCharges: 1, waitReason: 'backoff' });
    expect(await records.claim(id)).toMatchObject({ outcome: 'claimed', attempt: 2 });
  });

  it('an answer that was found on disk and lost again is not judged a second time', async () => {
    const id = await records.accepted();
    const lost = await records.claimed(id, { worker: 'w1' });
    await records.release(id, await records.claimed(id, { worker: 'w2' }), 'not_sent');
    await markAnswered(records.store, { id, token: lost, worker: 'w1', upstream: null });
    expect(await records.release(id, lost, 'unusable_audio')).toMatchObject({ status: 'queued' });
    const record = await records.read(id);
    expect(record).toMatchObject({ counted: 1, unknownCharges: 1, waitReason: null });
    expect(record.history.map(({ status }) => status)).toEqual(['queued', 'processing', 'queued']);
    expect(await records.claim(id)).toMatchObject({ outcome: 'claimed', attempt: 3 });
  });

  it('an answer whose claim Redis forgot is on record, and blocks further calls; one of an erased generation is gone', async () => {
    const id = await records.accepted();
    const answer = { token: 'nobody', worker: 'w1', upstream: null };
    expect(await markAnswered(records.store, { id, ...answer })).toEqual({ outcome: 'marked' });
    expect((await records.read(id)).attempts).toMatchObject([{ outcome: 'succeeded', charge: 'charged' }]);
    expect(await records.claim(id)).toMatchObject({ outcome: 'busy' });
    expect(await markAnswered(records.store, { id: 'gen_0', ...answer })).toEqual({ outcome: 'gone' });
  });

  it('a pointer of an older run, of a settled or of an erased generation is done with', async () => {
    const id = await records.accepted();
    await records.cancel(id);
    expect(await records.claim(id)).toEqual({ outcome: 'done' });
    await records.reopen(id);
    expect(await records.claim(id, { run: 1 })).toEqual({ outcome: 'done' });
    expect(await records.claim(id, { run: 2 })).toMatchObject({ outcome: 'claimed' });
    expect(await records.claim('gen_0')).toEqual({ outcome: 'gone' });
  });

  it('nothing starts before its delay is over', async () => {
    const id = await records.accepted();
    const token = await records.claimed(id);
    await records.release(id, token, 'not_sent', { delayMs: 3_600_000 });
    const early = await records.claim(id);
    expect(early).toMatchObject({ outcome: 'early' });
    expect((early as { ms: number }).ms).toBeGreaterThan(3_500_000);
    await records.due(id);
    expect(await records.claim(id)).toMatchObject({ outcome: 'claimed' });
  });
});

describe('songs that come late', () => {
  it("the song of a dead worker's call is published while the generation is still open", async () => {
    const id = await records.accepted();
    const late = await records.claimed(id, { worker: 'w1' });
    const second = await records.claimed(id, { worker: 'w2' });
    expect((await records.publish(id, late)).outcome).toBe('published');
    expect(await records.read(id)).toMatchObject({ status: 'succeeded', song: songOf(late) });
    expect((await records.read(id)).attempts[0]).toMatchObject({ outcome: 'succeeded', charge: 'charged' });
    expect((await records.publish(id, second, 'w2')).outcome).toBe('spare');
    expect((await records.read(id)).song).toEqual(songOf(late));
  });

  it('a retry while the old call is open waits for it, and its song is published without a second call', async () => {
    const id = await records.accepted();
    await records.alive('w1');
    const token = await records.claimed(id, { worker: 'w1' });
    await records.cancel(id);
    expect(await records.reopen(id)).toMatchObject({ outcome: 'reopened', pointer: { run: 2 } });
    expect(await records.claim(id, { run: 2, worker: 'w2' })).toMatchObject({ outcome: 'busy' });
    expect((await records.publish(id, token)).outcome).toBe('published');
    const record = await records.read(id);
    expect(record).toMatchObject({ status: 'succeeded', run: 2, attemptsTotal: 1, song: songOf(token) });
    expect(await records.claim(id, { run: 2, worker: 'w2' })).toEqual({ outcome: 'done' });
  });

  it("a call of an older run that dies uses up nothing of the new run's budgets", async () => {
    const id = await records.accepted();
    await records.alive('w1');
    await records.claimed(id, { worker: 'w1' });
    await records.cancel(id);
    await records.reopen(id);
    await records.dead('w1');
    expect(await records.claim(id, { run: 2, worker: 'w2', maxUnknownCharges: 1 })).toMatchObject({
      outcome: 'claimed',
      attempt: 2,
      counted: 0,
    });
    const record = await records.read(id);
    expect(record).toMatchObject({ status: 'processing', counted: 0, unknownCharges: 0 });
    expect(record.attempts[0]).toMatchObject({ run: 1, charge: 'unknown' });
  });

  it('a second song is a spare, and the first one stays', async () => {
    const id = await records.accepted();
    await records.alive('w1');
    const token = await records.claimed(id);
    await records.publish(id, token);
    expect((await records.publish(id, 'another')).outcome).toBe('spare');
    expect(await records.read(id)).toMatchObject({ status: 'succeeded', song: songOf(token), attemptsTotal: 2 });
  });

  it('a song whose claim Redis forgot is published, and its charge is written down', async () => {
    const id = await records.accepted();
    expect((await records.publish(id, 'forgotten')).outcome).toBe('published');
    expect((await records.read(id)).attempts).toMatchObject([{ number: 1, outcome: 'succeeded', charge: 'charged' }]);
  });

  it('the song of an erased generation has no owner', async () => {
    expect((await records.publish('gen_0', 'x')).outcome).toBe('gone');
    expect(await records.release('gen_0', 'x', 'timeout')).toEqual({ outcome: 'gone' });
  });

  it('a failed call whose claim Redis forgot is on record, and counts before anybody calls again', async () => {
    const id = await records.accepted();
    expect(await records.release(id, 'forgotten', 'timeout')).toMatchObject({ status: 'queued' });
    const held = await records.accepted({ policy: 'hold' });
    await records.release(held, 'forgotten too', 'timeout');
    expect(await records.claim(held)).toEqual({ outcome: 'settled', status: 'needs_review' });
    await records.alive('w1');
    const second = await records.claimed(id);
    expect(await records.release(id, second, 'timeout')).toMatchObject({ status: 'needs_review' });
    expect(await records.read(id)).toMatchObject({ attemptsTotal: 2, unknownCharges: 2 });
  });

  it('a worker that is known to be dead leaves its calls unknown at once, also those that Redis forgot', async () => {
    const id = await records.accepted();
    await records.alive('w1');
    const token = await records.claimed(id);
    const dead = { id, worker: 'w1', maxAttempts: 5, maxUnknownCharges: 2 };
    expect(await closeDeadCall(records.store, { ...dead, token })).toEqual({
      outcome: 'closed',
      status: 'queued',
      run: 1,
    });
    expect(await records.claim(id, { worker: 'w2' })).toMatchObject({ outcome: 'claimed', attempt: 2 });
    await closeDeadCall(records.store, { ...dead, token: 'forgotten' });
    expect(await records.read(id)).toMatchObject({ status: 'processing', attemptsTotal: 3, unknownCharges: 2 });
  });

  it('what a call held to be dead reports later settles its charge and nothing else', async () => {
    const id = await records.accepted();
    const late = await records.claimed(id, { worker: 'w1' });
    await records.claimed(id, { worker: 'w2' });
    expect(await records.release(id, late, 'not_sent')).toMatchObject({ status: 'processing' });
    const record = await records.read(id);
    expect(record.attempts[0]).toMatchObject({ outcome: 'retryable', charge: 'none' });
    expect(record).toMatchObject({ status: 'processing', attemptsTotal: 2 });
  });

  it('a call that ends after the cancel settles its charge and leaves the generation canceled', async () => {
    const id = await records.accepted();
    const token = await records.claimed(id);
    await records.cancel(id);
    expect(await records.release(id, token, 'unusable_audio')).toMatchObject({ status: 'canceled' });
    const record = await records.read(id);
    expect(record).toMatchObject({ status: 'canceled', error: { code: 'canceled' } });
    expect(record.attempts[0]).toMatchObject({ charge: 'charged' });
  });
});

describe('a call whose worker died after the cancel', () => {
  it('is closed as unknown, for nobody claims after it; live, waiting and answered ones are left alone', async () => {
    await records.alive('w1');
    await records.alive('w2');
    const open = async (worker: string) => {
      const id = await records.accepted();
      return { id, token: await records.claimed(id, { worker }) };
    };
    const [canceled, live, waiting, answered] = [
      await open('w1'),
      await open('w2'),
      await open('w1'),
      await open('w1'),
    ];
    await markAnswered(records.store, { ...answered, worker: 'w1', upstream: null });
    for (const { id } of [canceled, live, answered]) await records.cancel(id);
    await records.dead('w1');
    await reapDeadCalls(records.store, LEASE_MS, 1);
    const charges = [];
    for (const { id } of [canceled, live, waiting, answered])
      charges.push((await records.read(id)).attempts[0]!.charge);
    expect(charges).toEqual(['unknown', null, null, 'charged']);
    expect(await records.read(canceled.id)).toMatchObject({ status: 'canceled', attempts: [{ outcome: 'unknown' }] });
    expect(await records.publish(canceled.id, canceled.token)).toMatchObject({ outcome: 'spare' });
    expect((await records.read(canceled.id)).attempts).toMatchObject([{ charge: 'charged' }]);
  });
});

describe('limits of a run', () => {
  async function failTimes(id: string, kind: 'stated_failure' | 'timeout', times: number, limits: object) {
    for (let n = 0; n < times; n++) {
      const token = await records.claimed(id, limits);
      await records.release(id, token, kind, limits);
    }
  }

  it.each([1, 2, 5])('stated failures end the run at MAX_ATTEMPTS = %i', async (maxAttempts) => {
    const id = await records.accepted();
    await failTimes(id, 'stated_failure', maxAttempts - 1, { maxAttempts });
    if (maxAttempts > 1) expect(await settle(id)).toBe('queued');
    await failTimes(id, 'stated_failure', 1, { maxAttempts });
    expect(await records.read(id)).toMatchObject({
      status: 'failed',
      attemptsTotal: maxAttempts,
      error: { code: 'upstream_unavailable', retryable: true },
    });
  });

  it.each([1, 2, 4])('unknown charges stop calls at MAX_UNKNOWN_CHARGES = %i', async (maxUnknownCharges) => {
    const id = await records.accepted();
    await failTimes(id, 'timeout', maxUnknownCharges - 1, { maxUnknownCharges });
    if (maxUnknownCharges > 1) expect(await settle(id)).toBe('queued');
    await failTimes(id, 'timeout', 1, { maxUnknownCharges });
    expect(await records.read(id)).toMatchObject({
      status: 'needs_review',
      attemptsTotal: maxUnknownCharges,
      error: { code: 'unknown_charge' },
    });
  });

  it('a dead call is judged by the same limits: with MAX_UNKNOWN_CHARGES = 1 nobody calls again', async () => {
    const id = await records.accepted();
    await records.claimed(id);
    expect(await records.claim(id, { worker: 'w2', maxUnknownCharges: 1 })).toEqual({
      outcome: 'settled',
      status: 'needs_review',
    });
    expect(await records.read(id)).toMatchObject({ attemptsTotal: 1, error: { code: 'unknown_charge' } });
  });

  it('limits that were lowered while it waited stop the next call', async () => {
    const unknown = await records.accepted();
    await failTimes(unknown, 'timeout', 1, {});
    expect(await records.claim(unknown, { maxUnknownCharges: 1 })).toEqual({
      outcome: 'settled',
      status: 'needs_review',
    });
    expect(await records.read(unknown)).toMatchObject({ error: { code: 'unknown_charge' }, attemptsTotal: 1 });
    const counted = await records.accepted();
    await failTimes(counted, 'stated_failure', 3, {});
    expect(await records.claim(counted, { maxAttempts: 2 })).toEqual({ outcome: 'settled', status: 'failed' });
    expect(await records.read(counted)).toMatchObject({ error: { code: 'upstream_unavailable' }, attemptsTotal: 3 });
  });

  it('the policy hold asks a human at the first unknown charge, the policy fail gives up there', async () => {
    for (const [policy, status] of [
      ['hold', 'needs_review'],
      ['fail', 'failed'],
    ] as const) {
      const id = await records.accepted({ policy });
      await failTimes(id, 'timeout', 1, { maxUnknownCharges: 9, maxAttempts: 9 });
      const code = policy === 'hold' ? 'unknown_charge' : 'upstream_timeout';
      expect(await records.read(id)).toMatchObject({ status, error: { code } });
      const dead = await records.accepted({ policy });
      await records.claimed(dead);
      expect(await records.claim(dead, { worker: 'w2' })).toEqual({ outcome: 'settled', status });
    }
  });

  it('rate limits, quotas, account trouble and requests never sent use up nothing', async () => {
    const id = await records.accepted();
    for (const kind of ['rate_limited', 'quota', 'account', 'model', 'not_sent'] as const) {
      for (let n = 0; n < 3; n++) {
        const token = await records.claimed(id, { maxAttempts: 1, maxUnknownCharges: 1 });
        expect(await records.release(id, token, kind, { maxAttempts: 1, maxUnknownCharges: 1 })).toMatchObject({
          status: 'queued',
        });
      }
    }
    expect(await records.read(id)).toMatchObject({ counted: 0, unknownCharges: 0, attemptsTotal: 15 });
  });

  it.each(['invalid_request', 'content_rejected', 'output_rejected', 'too_large'] as const)(
    '%s ends the run at once and is not worth a retry',
    async (kind) => {
      const id = await records.accepted();
      await records.release(id, await records.claimed(id), kind);
      expect(await records.read(id)).toMatchObject({ status: 'failed', error: { retryable: false } });
    },
  );

  it('an unusable song counts toward both limits and is known to be charged', async () => {
    const id = await records.accepted();
    for (let n = 0; n < 2; n++) await records.release(id, await records.claimed(id), 'unusable_audio');
    const record = await records.read(id);
    expect(record).toMatchObject({ status: 'needs_review', counted: 2, unknownCharges: 2 });
    expect(record.attempts.map(({ charge }) => charge)).toEqual(['charged', 'charged']);
  });

  it('after a day of rate limits the caller is told upstream_unavailable; a quota window is waited out', async () => {
    const day = 24 * 3_600_000;
    const limited = await records.accepted();
    const quota = await records.accepted();
    const patient = await records.accepted();
    for (const [id, kind] of [
      [limited, 'rate_limited'],
      [quota, 'quota'],
      [patient, 'rate_limited'],
    ] as const) {
      await records.release(id, await records.claimed(id), kind);
    }
    const key = (id: string) => records.store.keys.generation(id);
    await records.store.redis.hset(key(limited), 'rl_since', Date.now() - day - 60_000);
    await records.store.redis.hset(key(quota), 'rl_since', Date.now() - day - 60_000);
    await records.store.redis.hset(key(patient), 'rl_since', Date.now() - day + 60_000);
    expect(await records.release(limited, await records.claimed(limited), 'rate_limited')).toMatchObject({
      status: 'failed',
    });
    expect(await records.read(limited)).toMatchObject({
      error: { code: 'upstream_unavailable', retryable: true },
      counted: 0,
    });
    expect(await records.release(quota, await records.claimed(quota), 'quota')).toMatchObject({ status: 'queued' });
    expect(await records.release(patient, await records.claimed(patient), 'rate_limited')).toMatchObject({
      status: 'queued',
    });
  });

  it('a retry starts with new budgets, and attempts go on counting', async () => {
    const id = await records.accepted();
    await failTimes(id, 'stated_failure', 5, {});
    expect(await settle(id)).toBe('failed');
    expect(await records.reopen(id)).toMatchObject({ outcome: 'reopened', pointer: { id, run: 2 } });
    expect(await records.read(id)).toMatchObject({ counted: 0, error: null, finishedMs: null, attemptsTotal: 5 });
    expect(await records.claim(id, { run: 2 })).toMatchObject({ outcome: 'claimed', attempt: 6, counted: 0 });
  });
});

describe('the code of the error', () => {
  it.each([
    ['timeout', 'upstream_timeout'],
    ['unknown_failure', 'upstream_unavailable'],
    ['unreadable', 'bad_response'],
  ] as const)('says what went wrong where nothing is left to decide: %s is %s', async (kind, code) => {
    const failed = await records.accepted({ policy: 'fail' });
    await records.release(failed, await records.claimed(failed), kind);
    expect(await records.read(failed)).toMatchObject({ status: 'failed', error: { code } });
    const asked = await records.accepted({ policy: 'hold' });
    await records.release(asked, await records.claimed(asked), kind);
    expect(await records.read(asked)).toMatchObject({ status: 'needs_review', error: { code: 'unknown_charge' } });
    await records.reopen(asked, { action: 'resolve_fail', charged: false });
    expect(await records.read(asked)).toMatchObject({ status: 'failed', error: { code, message: `it was ${kind}` } });
  });
});

describe("a human's answer", () => {
  async function inReview() {
    const id = await records.accepted();
    await records.release(id, await records.claimed(id), 'timeout', { maxUnknownCharges: 1 });
    return id;
  }

  it.each([
    [true, 'charged'],
    [false, 'none'],
    [null, 'unknown'],
  ] as const)('charged: %s settles the unknown charges as %s', async (charged, charge) => {
    const id = await inReview();
    expect(await records.reopen(id, { action: 'resolve_fail', charged })).toEqual({
      outcome: 'reopened',
      pointer: null,
    });
    const record = await records.read(id);
    expect(record).toMatchObject({ status: 'failed', error: { code: 'upstream_timeout' } });
    expect(record.attempts).toMatchObject([{ charge }]);
  });

  it('resolving with a retry starts a new run; retry itself is refused, and so is resolving anything else', async () => {
    const id = await inReview();
    expect(await records.reopen(id)).toEqual({ outcome: 'conflict', status: 'needs_review' });
    expect(await records.reopen(id, { action: 'resolve_retry', charged: true })).toMatchObject({
      pointer: { run: 2 },
    });
    expect(await records.reopen(id, { action: 'resolve_fail' })).toEqual({ outcome: 'conflict', status: 'queued' });
    expect(await records.reopen('gen_0')).toEqual({ outcome: 'missing' });
  });

  it('an open call keeps its charge open when the others are settled by hand', async () => {
    const id = await inReview();
    await records.reopen(id, { action: 'resolve_retry', charged: null });
    await records.alive('w1');
    const open = await records.claimed(id, { run: 2 });
    await records.cancel(id);
    await records.reopen(id);
    await records.release(id, open, 'timeout');
    const record = await records.read(id);
    expect(record.attempts.map(({ charge }) => charge)).toEqual(['unknown', 'unknown']);
    expect(record).toMatchObject({ status: 'queued', run: 3, unknownCharges: 0 });
  });

  it('retries with one idempotency key start one run', async () => {
    const id = await records.accepted();
    await records.cancel(id);
    const idempotency = { key: 'k', fingerprint: 'f' };
    expect(await records.reopen(id, { idempotency })).toMatchObject({ outcome: 'reopened' });
    expect(await records.reopen(id, { idempotency })).toEqual({ outcome: 'replayed' });
    expect(await records.reopen(id, { idempotency: { key: 'k', fingerprint: 'g' } })).toEqual({
      outcome: 'key_reused',
    });
    expect(await records.read(id)).toMatchObject({ run: 2 });
  });

  it('a refused retry does not use up its key', async () => {
    const id = await records.accepted();
    const idempotency = { key: 'k', fingerprint: 'f' };
    expect(await records.reopen(id, { idempotency })).toEqual({ outcome: 'conflict', status: 'queued' });
    await records.cancel(id);
    expect(await records.reopen(id, { idempotency })).toMatchObject({ outcome: 'reopened' });
  });

  it('cancel works while it waits, runs or needs review, and never on what is finished', async () => {
    const running = await records.accepted();
    await records.claimed(running);
    for (const id of [await records.accepted(), running, await inReview()]) {
      expect(await records.cancel(id)).toMatchObject({ outcome: 'canceled' });
      expect(await records.cancel(id)).toEqual({ outcome: 'conflict', status: 'canceled' });
    }
    expect(await records.cancel('gen_0')).toEqual({ outcome: 'missing' });
  });
});

describe('what a record keeps', () => {
  it('the last 50 attempts and every one that cost or may have cost something', async () => {
    const id = await records.accepted();
    const limits = { maxAttempts: 100, maxUnknownCharges: 100 };
    for (let n = 1; n <= 70; n++) {
      const token = await records.claimed(id, limits);
      const kind = n === 3 ? 'unusable_audio' : n === 5 ? 'timeout' : 'rate_limited';
      await records.release(id, token, kind, limits);
    }
    const record = await records.read(id);
    expect(record.attemptsTotal).toBe(70);
    const numbers = record.attempts.map(({ number }) => number);
    expect(numbers).toEqual([3, 5, ...Array.from({ length: 50 }, (_, n) => 21 + n)]);
    const hash = await records.store.redis.hgetall(records.store.keys.generation(id));
    expect(Object.keys(hash).filter((field) => field.startsWith('t:'))).toHaveLength(52);
  });

  it('the last 100 steps of its history, whose sequence goes on', async () => {
    const id = await records.accepted();
    for (let n = 0; n < 60; n++) await records.release(id, await records.claimed(id), 'rate_limited');
    const { history, sequence } = await records.read(id);
    expect(sequence).toBe(121);
    expect(history.map((entry) => entry.sequence)).toEqual(Array.from({ length: 100 }, (_, n) => 22 + n));
  });
});
