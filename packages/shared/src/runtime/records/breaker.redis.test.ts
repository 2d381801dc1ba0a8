import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { LEASE_MS, openTestRecords, type TestRecords } from '../../testing/records.ts';
import { startRedis, type TestRedis } from '../../testing/redis.ts';
import { probeHoldsNow } from './hold.ts';
import { waitInfo } from './wait-info.ts';

let server: TestRedis;
let records: TestRecords;
let opened = 0;

beforeAll(async () => {
  server = await startRedis();
});
beforeEach(async () => {
  opened += 1;
  records = openTestRecords(server.url, `t${opened}`);
  await records.alive('w1');
  await records.alive('w2');
});
afterEach(() => records.close());
afterAll(() => server.stop());

type Kind = Parameters<TestRecords['release']>[2];

/** One call of a song of its own that ends in this way. */
async function call(kind: Kind, input: Parameters<TestRecords['release']>[3] = {}) {
  const id = await records.accepted();
  return records.release(id, await records.claimed(id), kind, input);
}
async function calls(...kinds: Kind[]) {
  let last;
  for (const kind of kinds) last = await call(kind);
  return last;
}
const FIVE = ['not_sent', 'unknown_failure', 'timeout', 'not_sent', 'unknown_failure'] as const;
const waitOf = async () => {
  const answer = await call('not_sent', { breaker: { firstMs: 1000, longestMs: 3000 } });
  return answer.outcome === 'released' ? answer.openMs : 0;
};

describe('the breaker', () => {
  it('opens after five calls in a row that did not get through, whichever worker made them', async () => {
    expect(await calls(...FIVE.slice(0, 4))).toMatchObject({ openMs: 0 });
    expect(await calls(FIVE[4])).toMatchObject({ outcome: 'released', status: 'queued', openMs: expect.any(Number) });
    const id = await records.accepted();
    expect(await records.claim(id, { worker: 'w2' })).toMatchObject({ outcome: 'held', scope: 'upstream' });
    expect(await records.read(id)).toMatchObject({ status: 'queued', attemptsTotal: 0, counted: 0 });
  });

  it('counts in a row: any answer between them begins anew', async () => {
    for (const answered of ['rate_limited', 'content_rejected', 'stated_failure', 'unusable_audio'] as const) {
      expect(await calls(...FIVE.slice(0, 4), answered)).toMatchObject({ openMs: 0 });
    }
    const id = await records.accepted();
    await calls(...FIVE.slice(0, 4));
    await records.publish(id, await records.claimed(id));
    expect(await calls(...FIVE.slice(0, 4))).toMatchObject({ openMs: 0 });
  });

  it('does not take failures from long ago together, nor calls that we broke off ourselves', async () => {
    await calls(...FIVE.slice(0, 4));
    await records.store.redis.hset(records.store.keys.breaker, 'failed_at', 1);
    expect(await calls('timeout')).toMatchObject({ openMs: 0 });
    for (let n = 0; n < 9; n++) expect(await call('timeout', { gaveUp: true })).toMatchObject({ openMs: 0 });
  });

  it('lets one probe at a time through, asks twice as late after each, and closes on an answer', async () => {
    for (let n = 0; n < 4; n++) expect(await waitOf()).toBe(0);
    const waits = [await waitOf()];
    for (let n = 0; n < 2; n++) {
      await probeHoldsNow(records.store);
      waits.push(await waitOf());
    }
    for (const [n, most] of [1000, 2000, 3000].entries()) {
      expect(waits[n]).toBeLessThanOrEqual(most);
      expect(waits[n]).toBeGreaterThan(most - 900);
    }
    await probeHoldsNow(records.store);
    const [probe, other] = [await records.accepted(), await records.accepted()];
    const token = await records.claimed(probe);
    expect(await records.claim(other)).toMatchObject({ outcome: 'held', scope: 'upstream' });
    expect(await records.publish(probe, token)).toEqual({ outcome: 'published', lifted: true });
    await records.claimed(other);
  });

  it('asks another song each time, so that none is asked twice while one waits that was not asked yet', async () => {
    const ids = [];
    for (let n = 0; n < 12; n++) ids.push(await records.accepted());
    for (const id of ids.slice(0, 5)) await records.release(id, await records.claimed(id), 'unknown_failure');
    for (let probes = 0; probes < 7; probes++) {
      await probeHoldsNow(records.store);
      // As BullMQ does: what was picked up before goes ahead of what was not.
      let asked = false;
      for (const id of ids) {
        const token = `p${probes}.${id}`;
        const answer = await records.claim(id, { token });
        if (answer.outcome !== 'claimed') continue;
        asked = true;
        await records.release(id, token, 'timeout');
      }
      expect(asked).toBe(true);
    }
    const seen = await Promise.all(ids.map((id) => records.read(id)));
    expect(seen.map(({ status, unknownCharges }) => [status, unknownCharges])).toEqual(ids.map(() => ['queued', 1]));
  });

  it('asks rather by a song that goes on after an unknown charge than by one that would end', async () => {
    await calls(...FIVE);
    const strict = await records.accepted({ policy: 'hold' });
    const free = await records.accepted();
    await probeHoldsNow(records.store);
    expect(await records.claim(strict)).toMatchObject({ outcome: 'yield' });
    await records.claimed(free);
  });

  it('gives the probe to another one as soon as the worker of the prober is dead', async () => {
    await calls(...FIVE);
    await probeHoldsNow(records.store);
    const [first, second] = [await records.accepted(), await records.accepted()];
    await records.claimed(first);
    expect(await records.claim(second, { worker: 'w2' })).toMatchObject({ outcome: 'held' });
    await records.dead('w1');
    await records.claimed(second, { worker: 'w2' });
  });

  it('is not closed by a call that began before it opened', async () => {
    const before = await records.accepted();
    const token = await records.claimed(before);
    await calls(...FIVE);
    expect(await records.publish(before, token)).toMatchObject({ lifted: false });
    expect(await records.claim(await records.accepted())).toMatchObject({ outcome: 'held' });
  });

  it('is the reason why a song waits, with the time of the next probe, and without an estimate', async () => {
    await calls(...FIVE);
    const id = await records.accepted();
    const info = await waitInfo(records.store, await records.read(id), LEASE_MS);
    expect(info).toMatchObject({ blocked_by: 'upstream', eta_seconds: null, reason: 'it was unknown_failure' });
    expect(info!.blocked_until).not.toBeNull();
  });
});
