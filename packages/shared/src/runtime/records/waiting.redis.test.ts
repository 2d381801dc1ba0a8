import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { LEASE_MS, openTestRecords, type TestRecords } from '../../testing/records.ts';
import { startRedis, type TestRedis } from '../../testing/redis.ts';
import { addPointers, openQueue } from '../queues.ts';
import { brakeStarts } from './brake.ts';
import { markAnswered } from './publish.ts';
import { waitInfo } from './wait-info.ts';

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

const infoOf = async (id: string) => waitInfo(records.store, await records.read(id), LEASE_MS);
const hold = (scope: string) =>
  records.store.redis.hset(records.store.keys.hold(scope), {
    since: 1,
    next_probe_at: 1_900_000_000_000,
    reason: `${scope} says no`,
  });

describe('why a generation waits', () => {
  it('names the first that applies, in the order of the contract', async () => {
    const { redis, keys } = records.store;
    const id = await records.accepted();
    await records.release(id, await records.claimed(id), 'not_sent', { delayMs: 60_000, waitReason: 'upstream' });
    const seen: unknown[] = [];
    const look = async () => seen.push((await infoOf(id))?.blocked_by);
    await redis.hset(keys.bull('meta'), 'paused', 1);
    await hold('account');
    await hold('model:music-01');
    await look();
    await redis.hdel(keys.bull('meta'), 'paused');
    await look();
    await redis.del(keys.hold('account'));
    await look();
    await redis.del(keys.hold('model:music-01'));
    await redis.hset(keys.generation(id), 'wait_reason', 'storage');
    await look();
    await redis.hset(keys.generation(id), 'wait_reason', 'upstream');
    await look();
    await records.alive('w1');
    await look();
    await records.due(id);
    await look();
    // A brake that another song's refusal set stops this one too.
    await brakeStarts(records.store, 60_000, 'rate_limit');
    await look();
    await brakeStarts(records.store, 60_000, 'quota');
    await look();
    expect(seen).toEqual([
      ...['paused', 'account', 'model', 'storage', 'no_worker', 'upstream', null],
      ...['rate_limit', 'quota'],
    ]);
  });

  it('says until when, and quotes the reason of a hold', async () => {
    const id = await records.accepted();
    await hold('account');
    expect(await infoOf(id)).toMatchObject({
      blocked_by: 'account',
      blocked_until: '2030-03-17T17:46:40.000Z',
      reason: 'account says no',
    });
  });

  it.each(['quota', 'rate_limit', 'backoff', 'upstream'] as const)(
    'names %s until the delay is over',
    async (waitReason) => {
      await records.alive('w1');
      const id = await records.accepted();
      await records.release(id, await records.claimed(id), 'rate_limited', { delayMs: 60_000, waitReason });
      const info = await infoOf(id);
      expect(info?.blocked_by).toBe(waitReason);
      const { notBeforeMs } = await records.read(id);
      expect(Date.parse(info!.blocked_until!)).toBe(notBeforeMs);
    },
  );

  it('names storage while an answer of an earlier run waits for it', async () => {
    await records.alive('w1');
    const id = await records.accepted();
    const token = await records.claimed(id);
    await records.cancel(id);
    await records.reopen(id);
    await markAnswered(records.store, { id, token, worker: 'w1', upstream: null });
    expect(await infoOf(id)).toMatchObject({ blocked_by: 'storage', blocked_until: null });
  });

  it('counts its position through the window and the line behind it', async () => {
    const { redis, keys } = records.store;
    await redis.set(`${keys.root}window-size`, 2);
    const queue = openQueue('generate', redis, `t${opened}`);
    const ids = [];
    for (let n = 0; n < 4; n++) {
      const answer = await records.accept();
      ids.push(answer.asked);
      if (answer.outcome === 'accepted' && answer.pointer) await addPointers(queue, [answer.pointer]);
    }
    const positions = [];
    for (const id of ids) positions.push((await infoOf(id))?.position);
    expect(positions).toEqual([1, 2, 3, 4]);
    await queue.close();
  });

  it('of the first in line is the rate, or that every slot is busy; of those behind it nothing but their turn', async () => {
    const { redis, keys } = records.store;
    await records.alive('w1', 1);
    const queue = openQueue('generate', redis, `t${opened}`);
    const ids: string[] = [];
    for (let n = 0; n < 2; n++) {
      const answer = await records.accept();
      ids.push(answer.asked);
      if (answer.outcome === 'accepted') await addPointers(queue, [answer.pointer!]);
    }
    const blockers = async () => [(await infoOf(ids[0]!))?.blocked_by, (await infoOf(ids[1]!))?.blocked_by];
    expect(await blockers()).toEqual([null, null]);
    await redis.hset(keys.bull('meta'), { max: 1, duration: 60_000 });
    await redis.set(keys.bull('limiter'), '1', 'PX', 60_000);
    expect(await blockers()).toEqual(['rate_limit', null]);
    await redis.lpush(keys.bull('active'), 'another.1');
    expect(await blockers()).toEqual(['concurrency', null]);
    await queue.close();
  });

  it('comes with an estimate once five songs were made, and without one while nobody knows how long', async () => {
    const { redis, keys } = records.store;
    await records.alive('w1', 2);
    const etaOf = async (id: string) => (await infoOf(id))?.eta_seconds;
    const id = await records.accepted();
    for (let n = 0; n < 60; n++) {
      expect(await redis.llen(keys.durations)).toBe(Math.min(n, 50));
      const made = await records.accepted();
      await records.publish(made, await records.claimed(made));
      if (n === 3) expect(await etaOf(id)).toBeNull();
    }
    expect(await etaOf(id)).toBe(0);
    await redis.hset(keys.generation(id), { not_before: Date.now() + 60_000, wait_reason: 'backoff' });
    expect(await etaOf(id)).toBeGreaterThan(50);
    await hold('account');
    expect(await etaOf(id)).toBeNull();
    await redis.del(keys.hold('account'));
    await redis.hset(keys.bull('meta'), 'paused', 1);
    expect(await etaOf(id)).toBeNull();
  });

  it('is nothing to tell once it runs or is settled', async () => {
    const id = await records.accepted();
    const token = await records.claimed(id);
    expect(await infoOf(id)).toBeNull();
    await records.publish(id, token);
    expect(await infoOf(id)).toBeNull();
  });
});
