import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openTestRecords, type TestRecords } from '../../testing/records.ts';
import { startRedis, type TestRedis } from '../../testing/redis.ts';
import { brakeStarts, freeProbed, freeResumed } from './brake.ts';
import { probeHoldsNow } from './hold.ts';

const [MINUTE, HOUR] = [60_000, 3_600_000];
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

/** Minutes for which BullMQ lets nothing start. */
const stopped = async () => Math.round((await records.store.redis.pttl(records.store.keys.bull('limiter'))) / MINUTE);

/** The account is held, and nothing asks for it but in two hours. */
async function hold(): Promise<void> {
  const { redis, keys } = records.store;
  await redis.hset(keys.hold('account'), { since: 1, next_probe_at: Date.now() + 2 * HOUR, interval: HOUR });
  await redis.sadd(`${keys.root}holds`, 'account');
}

describe('a brake', () => {
  it('lasts as long as its longest reason, whatever the order', async () => {
    await hold();
    await brakeStarts(records.store, HOUR, 'account');
    await brakeStarts(records.store, MINUTE, 'rate_limit');
    expect(await stopped()).toBe(60);
    await brakeStarts(records.store, 2 * HOUR, 'rate_limit');
    await brakeStarts(records.store, MINUTE, 'rate_limit');
    expect(await stopped()).toBe(120);
  });

  it('of a rate limit outlives a hold that began before it and ended after it', async () => {
    await hold();
    await brakeStarts(records.store, HOUR, 'account');
    await brakeStarts(records.store, 2 * MINUTE, 'rate_limit');
    await freeProbed(records.store);
    expect(await stopped()).toBe(2);
  });

  it('ends with the last reason, and leaves the count alone that BullMQ keeps itself', async () => {
    const { redis, keys } = records.store;
    await brakeStarts(records.store, HOUR, 'storage');
    await redis.zrem(keys.brakes, 'storage');
    await freeProbed(records.store);
    expect(await redis.exists(keys.bull('limiter'))).toBe(0);
    await redis.set(keys.bull('limiter'), 3, 'PX', HOUR);
    await freeProbed(records.store);
    expect(await redis.get(keys.bull('limiter'))).toBe('3');
  });

  it('of a quota ends on the word of an operator, who may know more than the upstream told', async () => {
    await brakeStarts(records.store, HOUR, 'quota');
    await freeProbed(records.store);
    expect(await stopped()).toBe(60);
    await freeResumed(records.store);
    expect(await records.store.redis.exists(records.store.keys.bull('limiter'))).toBe(0);
  });

  it('that waits for a probe is no longer than to that probe, though it was pulled on older knowledge', async () => {
    const { redis, keys } = records.store;
    const left = () => redis.pttl(keys.bull('limiter'));
    await hold();
    await probeHoldsNow(records.store);
    await brakeStarts(records.store, HOUR, 'account');
    expect(await left()).toBeLessThanOrEqual(1000);
    await redis.del(keys.hold('account'));
    await brakeStarts(records.store, HOUR, 'account');
    await brakeStarts(records.store, HOUR, 'upstream');
    expect(await left()).toBeLessThanOrEqual(1000);
  });
});
