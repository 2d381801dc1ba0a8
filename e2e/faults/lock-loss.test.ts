import { setTimeout as wait } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { afterEach, describe, expect, it } from 'vitest';
import { song } from '../testing/requests.ts';
import { startSystem, type TestSystem } from '../testing/system.ts';

let system: TestSystem;
afterEach(() => system.stop());

const SONGS = 6;
/** Longer than the lock of a queue job and the lease of a worker, which are 3 s in these tests. */
const LONGER_THAN_LOCK_MS = 4500;

/** Songs whose calls are all under way and take longer than what happens meanwhile. */
async function callsUnderWay(workers: number): Promise<string[]> {
  system = await startSystem({ workers, redis: { appendfsync: 'always' } });
  const created = await Promise.all(
    Array.from({ length: SONGS }, () => system.client.generations.create(song('[sim:latency=2500]'))),
  );
  await system.sim.until((state) => state.open_calls === SONGS);
  return created.map(({ id }) => id);
}

/** One published song each, at most one call more than that each, and every call on record. */
async function expectEveryCallOnRecord(ids: readonly string[]): Promise<{ readonly calls: number }> {
  // An API needs a moment to find Redis again.
  while (!(await fetch(`${system.apis[0]!.url}/readyz`)).ok) await wait(50);
  const settled = await Promise.all(ids.map((id) => system.client.generations.wait(id, { timeoutMs: 120_000 })));
  expect(settled.map((each) => each.status)).toEqual(settled.map(() => 'succeeded'));
  const { calls } = await system.sim.ledger();
  let known = settled;
  // The call that lost its lock may end after the song was published.
  while (known.some((each) => each.attempts.some(({ charge }) => charge === null))) {
    await wait(100);
    known = await Promise.all(ids.map((id) => system.client.generations.retrieve(id)));
  }
  expect(known.map((each) => each.attempts_total).reduce((sum, each) => sum + each, 0)).toBe(calls);
  for (const each of known) expect(each.attempts_total).toBeLessThanOrEqual(2);
  return { calls };
}

describe('a lost lock of the queue', () => {
  it('fault: Redis frozen for longer than the lock: no result is thrown away and nothing is called again by one worker', async () => {
    const ids = await callsUnderWay(1);
    await system.redis.kill('SIGSTOP');
    await wait(LONGER_THAN_LOCK_MS);
    await system.redis.kill('SIGCONT');
    expect(await expectEveryCallOnRecord(ids)).toEqual({ calls: SONGS });
  });

  it('fault: Redis frozen for longer than the lease, with two workers: one published song each, and every call on record', async () => {
    const ids = await callsUnderWay(2);
    await system.redis.kill('SIGSTOP');
    await wait(LONGER_THAN_LOCK_MS);
    await system.redis.kill('SIGCONT');
    await expectEveryCallOnRecord(ids);
  });

  it('fault: Redis killed and back after longer than the lock: no result is thrown away and nothing is called again by one worker', async () => {
    const ids = await callsUnderWay(1);
    await system.redis.kill();
    await wait(LONGER_THAN_LOCK_MS);
    await system.redis.restart();
    expect(await expectEveryCallOnRecord(ids)).toEqual({ calls: SONGS });
  });

  it('fault: Redis without memory for longer than the lock: the songs are published when it has some again', async () => {
    const ids = await callsUnderWay(1);
    const redis = new Redis(system.redis.url);
    await redis.config('SET', 'maxmemory', '1');
    await wait(LONGER_THAN_LOCK_MS);
    await redis.config('SET', 'maxmemory', '0');
    redis.disconnect();
    expect(await expectEveryCallOnRecord(ids)).toEqual({ calls: SONGS });
  });

  it('fault: a worker paused for longer than its lease: its answers are kept, and every call is on record', async () => {
    const ids = await callsUnderWay(2);
    await system.workers[0]!.kill('SIGSTOP');
    await wait(LONGER_THAN_LOCK_MS);
    await system.workers[0]!.kill('SIGCONT');
    await expectEveryCallOnRecord(ids);
  });
});

describe('a rolling restart under load', () => {
  it('loses no song and buys none twice', async () => {
    system = await startSystem({ workers: 3, timeScale: 0.01 });
    const created = await Promise.all(Array.from({ length: 60 }, () => system.client.generations.create(song())));
    for (const old of [...system.workers]) {
      await system.sim.until((state) => state.open_calls > 0);
      await system.startWorker();
      expect(await old.stop()).toEqual({ code: 0, signal: null });
    }
    const settled = await Promise.all(
      created.map(({ id }) => system.client.generations.wait(id, { timeoutMs: 120_000 })),
    );
    expect(settled.map((each) => each.status)).toEqual(settled.map(() => 'succeeded'));
    expect(settled.map((each) => each.attempts_total)).toEqual(settled.map(() => 1));
    expect(await system.sim.ledger()).toMatchObject({ calls: 60, charges: 60 });
  });
});

describe('a stop that nobody answers', () => {
  it('fault: a worker that is told to stop while Redis is frozen ends all the same, soon after its grace', async () => {
    system = await startSystem({ env: { SHUTDOWN_GRACE_MS: '1000' } });
    const { id } = await system.client.generations.create(song('[sim:latency=2500]'));
    await system.sim.until((state) => state.open_calls === 1);
    await system.redis.kill('SIGSTOP');
    const ended = system.workers[0]!.stop();
    expect(await Promise.race([ended, wait(60_000, 'still there', { ref: false })])).toEqual({ code: 0, signal: null });
    await system.redis.kill('SIGCONT');
    await system.startWorker();
    // The call was broken off: it may have been billed, and it is on record.
    const settled = await system.client.generations.wait(id, { timeoutMs: 120_000 });
    expect(settled).toMatchObject({ status: 'succeeded', attempts: [{ charge: 'unknown' }, { charge: 'charged' }] });
    expect((await system.sim.ledger()).calls).toBe(2);
  });
});
