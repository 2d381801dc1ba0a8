import { requires } from '@songmill/shared/testing/requires';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ASK, type ApiFixture, generationOf, KEY, startFixture } from '../testing/api-fixture.ts';
import { publish } from '../testing/settle.ts';

describe('Prefer: wait', requires('redis-server|valkey-server'), () => {
  let fixture: ApiFixture;
  beforeAll(async () => {
    fixture = await startFixture();
  });
  afterAll(async () => fixture?.stop());

  const waitOn = (id: string, seconds: number, init: RequestInit = {}) =>
    fixture.call(`/v1/generations/${id}`, { ...init, headers: { prefer: `wait=${seconds}` } });

  async function newGeneration(): Promise<string> {
    return (await generationOf(await fixture.post('/v1/generations', ASK))).id;
  }

  /** How often Redis ran each command so far. */
  async function commandCount(name: string): Promise<number> {
    const info = await fixture.store.redis.info('commandstats');
    return Number(new RegExp(`^cmdstat_${name}:calls=(\\d+)`, 'm').exec(info)?.[1] ?? 0);
  }

  it('a POST that sees it settle answers 200 with the song', async () => {
    const asking = fixture.post('/v1/generations', { ...ASK, custom_id: 'awaited' }, { prefer: 'wait=30' });
    const { redis, keys } = fixture.store;
    let id: string | undefined;
    await expect
      .poll(
        async () => {
          const [newest = ''] = await redis.zrevrange(keys.list('default'), 0, 0);
          const request = (await redis.hget(keys.generation(newest), 'request')) ?? '';
          if (request.includes('"awaited"')) id = newest;
          return id;
        },
        { timeout: 20_000 },
      )
      .toBeDefined();
    await publish(fixture, id as string, Buffer.from('song'));
    const response = await asking;
    expect(response.status).toBe(200);
    expect(response.headers.get('preference-applied')).toBe('wait=30');
    const generation = await generationOf(response);
    expect([generation.status, generation.queue]).toEqual(['succeeded', null]);
  });

  it('a wait that ends first answers 202 on POST and the state on GET', async () => {
    const posted = await fixture.post('/v1/generations', ASK, { prefer: 'wait=1' });
    expect([posted.status, posted.headers.get('preference-applied')]).toEqual([202, 'wait=1']);
    const { id } = await generationOf(posted);
    const read = await waitOn(id, 1);
    expect([read.status, (await generationOf(read)).status]).toEqual([200, 'queued']);
    expect(Number(read.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    expect(Number(read.headers.get('retry-after'))).toBeLessThanOrEqual(30);
  });

  it('what is settled already is answered at once, and 61 is cut to 60', async () => {
    const id = await newGeneration();
    await publish(fixture, id, Buffer.from('song'));
    const response = await waitOn(id, 61);
    expect(response.headers.get('preference-applied')).toBe('wait=60');
    expect((await generationOf(response)).status).toBe('succeeded');
    expect(response.headers.get('retry-after')).toBeNull();
  });

  it('a preference that cannot be read is ignored', async () => {
    const id = await newGeneration();
    const response = await fixture.call(`/v1/generations/${id}`, { headers: { prefer: 'wait=soon, respond-async' } });
    expect([response.status, response.headers.get('preference-applied')]).toEqual([200, null]);
  });

  it('1,000 waits cost Redis two reads each, and none while they wait', async () => {
    const id = await newGeneration();
    const waits = Array.from({ length: 1000 }, () => waitOn(id, 60));
    await expect.poll(() => fixture.api.waiting(), { timeout: 30_000 }).toBe(1000);
    const [reads, hub] = [await commandCount('hgetall'), await commandCount('xread')];
    await new Promise((resolve) => setTimeout(resolve, 2500));
    expect((await commandCount('hgetall')) - reads).toBe(0);
    expect((await commandCount('xread')) - hub).toBeLessThanOrEqual(3);
    await publish(fixture, id, Buffer.from('song'));
    const responses = await Promise.all(waits);
    for (const response of responses) expect((await generationOf(response)).status).toBe('succeeded');
    expect((await commandCount('hgetall')) - reads).toBe(1000);
    expect(fixture.api.waiting()).toBe(0);
  });

  it('a caller that leaves frees its wait', async () => {
    const id = await newGeneration();
    const leaving = new AbortController();
    const waiting = waitOn(id, 60, { signal: leaving.signal });
    await expect.poll(() => fixture.api.waiting(), { timeout: 20_000 }).toBe(1);
    leaving.abort();
    await expect(waiting).rejects.toThrow(/abort/i);
    await expect.poll(() => fixture.api.waiting(), { timeout: 20_000 }).toBe(0);
  });

  it('a wait survives the loss of Redis', async () => {
    const own = await startFixture();
    try {
      const { id } = await generationOf(await own.post('/v1/generations', ASK));
      const waiting = own.call(`/v1/generations/${id}`, { headers: { prefer: 'wait=60' } });
      await expect.poll(() => own.api.waiting(), { timeout: 20_000 }).toBe(1);
      // Answered after the first read of the wait, as both go over one connection.
      await own.call(`/v1/generations/${id}`);
      // SIGTERM, so that Redis writes its log to the end: this test is about us, not about `everysec`.
      await own.redis.kill('SIGTERM');
      await own.redis.restart();
      await expect.poll(() => own.store.redis.status, { timeout: 20_000 }).toBe('ready');
      await publish(own, id, Buffer.from('song'));
      expect((await generationOf(await waiting)).status).toBe('succeeded');
    } finally {
      await own.stop();
    }
  });

  it('a process that stops answers its waits with the state', async () => {
    const other = await fixture.another();
    const id = await newGeneration();
    const waiting = fetch(`${other.url}/v1/generations/${id}`, {
      headers: { authorization: `Bearer ${KEY}`, prefer: 'wait=60' },
    });
    await expect.poll(() => other.waiting(), { timeout: 20_000 }).toBe(1);
    await other.stop();
    const response = await waiting;
    expect([response.status, (await generationOf(response)).status]).toEqual([200, 'queued']);
  });
});
