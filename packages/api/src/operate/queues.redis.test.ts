import type { QueueList, QueueState } from '@songmill/shared/contract/queue';
import type { WorkerList } from '@songmill/shared/contract/worker';
import { brakeStarts } from '@songmill/shared/runtime/records/brake';
import { beat } from '@songmill/shared/runtime/records/feed';
import { readHold } from '@songmill/shared/runtime/records/hold';
import { requires } from '@songmill/shared/testing/requires';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ASK, type ApiFixture, generationOf, problemOf, startFixture } from '../testing/api-fixture.ts';
import { claim, fail, publish, tripHold } from '../testing/settle.ts';

describe('/v1/queues and /v1/workers', requires('redis-server|valkey-server'), () => {
  let fixture: ApiFixture;
  beforeEach(async () => {
    fixture = await startFixture();
  });
  afterEach(async () => fixture?.stop());

  const queues = async () => ((await (await fixture.call('/v1/queues')).json()) as QueueList).data;
  const generate = async () => (await queues())[0]!;
  const made = async () => generationOf(await fixture.post('/v1/generations', ASK));
  const pause = async (reason: string, name = 'generate') => fixture.post(`/v1/queues/${name}/pause`, { reason });
  const resume = async (name = 'generate') =>
    (await (await fixture.post(`/v1/queues/${name}/resume`, {})).json()) as QueueState;
  const isPaused = async () => (await fixture.store.redis.hexists(fixture.store.keys.bull('meta'), 'paused')) === 1;
  const events = async () =>
    (await fixture.store.redis.xrange(fixture.store.keys.events, '-', '+')).map(([, fields]) => fields[1]);

  it('names every queue, also those without work', async () => {
    const all = await queues();
    expect(all.map(({ name }) => name)).toEqual(['generate', 'references', 'deliver', 'ingest']);
    for (const queue of all) {
      expect(queue).toMatchObject({
        ...{ object: 'queue', counts: { scheduled: 0, queued: 0, processing: 0 }, oldest_seconds: null },
        ...{ paused: null, holds: [], rate: null },
      });
    }
  });

  it('counts what waits and runs over all projects, and how long the oldest waits', async () => {
    const first = await made();
    await made();
    await claim(fixture, (await made()).id);
    await publish(fixture, (await made()).id, Buffer.from('song'));
    expect((await generate()).counts).toEqual({ scheduled: 0, queued: 2, processing: 1 });
    const { redis, keys } = fixture.store;
    await redis.zadd(keys.list('default', 'queued'), (Date.now() - 90_000) * 1000, first.id);
    expect((await generate()).oldest_seconds).toBeGreaterThanOrEqual(89);
  });

  it('shows the limits that the workers wrote', async () => {
    const { redis, keys } = fixture.store;
    await redis.hset(keys.bull('meta'), { max: '1', duration: '8572', concurrency: '3' });
    expect((await generate()).rate).toEqual({ per_minute: 7, concurrency: 3 });
    await redis.hset(keys.bull('meta'), { max: '1000000000', duration: '1000' });
    await redis.hdel(keys.bull('meta'), 'concurrency');
    expect((await generate()).rate).toEqual({ per_minute: null, concurrency: null });
  });

  it('pauses with a reason, which whoever waits is told, and resumes', async () => {
    const { id } = await made();
    const paused = (await (await pause('the bill is checked')).json()) as QueueState;
    expect(paused.paused).toMatchObject({ reason: 'the bill is checked', by: 'bootstrap' });
    expect(Math.abs(Date.parse(paused.paused!.at!) - Date.now())).toBeLessThan(60_000);
    expect(await isPaused()).toBe(true);
    const waiting = await generationOf(await fixture.call(`/v1/generations/${id}`));
    expect(waiting.queue).toMatchObject({ blocked_by: 'paused', reason: 'the bill is checked' });
    await pause('the bill is checked');
    expect((await resume()).paused).toBeNull();
    expect((await resume()).paused).toBeNull();
    expect(await isPaused()).toBe(false);
    expect((await events()).filter((type) => type!.startsWith('queue.'))).toEqual(['queue.paused', 'queue.resumed']);
  });

  it('a pause does not end with a hold that is lifted, nor a hold with a pause', async () => {
    const [tripping, probing] = [await made(), await made()];
    await pause('operator');
    await tripHold(fixture, tripping.id);
    const held = await generate();
    expect([held.paused?.reason, held.holds]).toMatchObject([
      'operator',
      [{ scope: 'account', model: null, code: 'upstream_unavailable', reason: 'as the test says' }],
    ]);
    expect((await queues())[1]!.holds).toEqual(held.holds);
    // The operator is done: the hold stays, and may be probed at once.
    const before = (await readHold(fixture.store, 'account'))!.nextProbeMs;
    expect((await resume()).holds).toHaveLength(1);
    expect((await readHold(fixture.store, 'account'))!.nextProbeMs).toBeLessThan(before);
    // The other way round: the probe succeeds while an operator has paused.
    await pause('again');
    await fail(fixture, probing.id);
    const after = await generate();
    expect([after.holds, after.paused?.reason]).toEqual([[], 'again']);
    expect(await isPaused()).toBe(true);
  });

  it('a resume ends the waits for a probe and for a quota, and no rate limit', async () => {
    const { redis, keys } = fixture.store;
    for (const reason of ['account', 'upstream', 'quota', 'rate_limit'] as const) {
      await brakeStarts(fixture.store, 60_000, reason);
    }
    await resume();
    expect(await redis.zrange(keys.brakes, '0', '-1')).toEqual(['rate_limit']);
    expect(await redis.pttl(keys.bull('limiter'))).toBeGreaterThan(0);
  });

  it('refuses names that are no queue, bodies that are no reason, and keys that may not operate', async () => {
    expect((await pause('x', 'nothing')).status).toBe(404);
    const wrong = await problemOf(await fixture.post('/v1/queues/generate/pause', { reason: '', why: 1 }));
    expect(wrong.errors?.map(({ pointer }) => pointer).toSorted()).toEqual(['/reason', '/why']);
    expect((await fixture.post('/v1/queues/generate/resume', { reason: 'x' })).status).toBe(422);
    const small = await fixture.post('/v1/api-keys', { name: 'small', scopes: ['generate'] });
    const { key } = (await small.json()) as { key: string };
    for (const path of ['/v1/queues', '/v1/workers']) {
      const answer = await fixture.call(path, { headers: { authorization: `Bearer ${key}` } });
      expect([answer.status, (await problemOf(answer)).required_scope]).toEqual([403, 'operate']);
    }
    expect(await isPaused()).toBe(false);
  });

  it('lists workers with their slots, and tells the silent ones apart', async () => {
    const worker = { concurrency: 5, leaseMs: 60_000, maxConcurrency: 0 };
    const about = { host: 'h', pid: 7, node: 'v24', started_at: 1_700_000_000_000, in_use: 2 };
    await beat(fixture.store, { ...worker, worker: 'wrk_a', about });
    await beat(fixture.store, { ...worker, worker: 'wrk_b', about: {} });
    await fixture.store.redis.zadd(fixture.store.keys.workers, Date.now() - 120_000, 'wrk_b');
    const { data } = (await (await fixture.call('/v1/workers')).json()) as WorkerList;
    expect(data).toMatchObject([
      {
        ...{ id: 'wrk_a', object: 'worker', alive: true, started_at: '2023-11-14T22:13:20.000Z' },
        ...{ slots: { total: 5, in_use: 2 }, host: 'h', pid: 7, node: 'v24' },
      },
      { id: 'wrk_b', alive: false, started_at: null, slots: { total: 5, in_use: null }, host: null },
    ]);
  });
});
