import { requires } from '@songmill/shared/testing/requires';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ASK, type ApiFixture, generationOf, KEY, problemOf, startFixture } from '../testing/api-fixture.ts';
import { claim, fail, publish } from '../testing/settle.ts';
import { dataOf, readSse, type SseReader } from '../testing/sse.ts';

describe('the stream of one generation', requires('redis-server|valkey-server'), () => {
  let fixture: ApiFixture;
  beforeAll(async () => {
    fixture = await startFixture();
  });
  afterAll(async () => fixture?.stop());

  const newGeneration = async () => (await generationOf(await fixture.post('/v1/generations', ASK))).id;
  const song = (id: string) => publish(fixture, id, Buffer.from('song'));
  const cancel = (id: string) => fixture.post(`/v1/generations/${id}/cancel`, {});
  const retry = (id: string) => fixture.post(`/v1/generations/${id}/retry`, {});

  async function open(id: string, lastId?: string, init: RequestInit = {}): Promise<SseReader> {
    const headers = lastId === undefined ? {} : { 'last-event-id': lastId };
    return readSse(await fixture.call(`/v1/generations/${id}/events`, { ...init, headers }));
  }

  it('begins with the present state, tells every change, and ends when it is settled', async () => {
    const id = await newGeneration();
    const stream = await open(id);
    const { status, headers } = stream.response;
    expect([status, headers.get('content-type'), headers.get('cache-control')]).toEqual([
      ...[200, 'text/event-stream; charset=utf-8', 'no-cache, no-transform'],
    ]);
    expect(await stream.frame()).toMatchObject({ retry: '3000', event: null });
    expect(await stream.frame()).toMatchObject({
      event: 'generation.queued',
      id: '1',
      body: { data: { id, sequence: 1 } },
    });
    await claim(fixture, id);
    expect(await stream.next()).toMatchObject({ event: 'generation.processing', id: '2' });
    await song(id);
    const [last, ...more] = await stream.rest();
    expect(more).toEqual([]);
    expect(last).toMatchObject({ event: 'generation.succeeded', id: '3', body: { type: 'generation.succeeded' } });
    expect(last!.body!.timestamp).toBe(dataOf(last!).finished_at);
    const record = await generationOf(await fixture.call(`/v1/generations/${id}`));
    expect(dataOf(last!)).toEqual(record);
  });

  it('after the settled event a reconnect with its id answers 204, and without one the state and the end', async () => {
    const id = await newGeneration();
    await song(id);
    const again = await fixture.call(`/v1/generations/${id}/events`, { headers: { 'last-event-id': '2' } });
    expect([again.status, await again.text()]).toEqual([204, '']);
    expect((await (await open(id)).rest()).map(({ id: at }) => at)).toEqual(['2']);
  });

  it('goes on after any event that is kept, with each record as it was then', async () => {
    const id = await newGeneration();
    await fail(fixture, id);
    await retry(id);
    await cancel(id);
    const statuses = async (lastId: string) =>
      (await (await open(id, lastId)).rest()).map((frame) => [Number(frame.id), dataOf(frame).status]);
    const all = [
      [1, 'queued'],
      [2, 'processing'],
      [3, 'failed'],
      [4, 'queued'],
      [5, 'canceled'],
    ];
    for (const from of [0, 1, 2, 3, 4]) expect(await statuses(String(from))).toEqual(all.slice(from));
    const [failed, queued] = (await (await open(id, '2')).rest()).map(dataOf);
    expect(failed).toMatchObject({ run: 1, error: { code: 'invalid_request' }, attempts_total: 1 });
    expect(queued).toMatchObject({ run: 2, error: null, finished_at: null, attempts_total: 1 });
  });

  it('an id that is not kept gives a reset and then the state', async () => {
    const id = await newGeneration();
    for (const lastId of ['999', '2', '-1', 'abc', '1.5']) {
      const stream = await open(id, lastId);
      expect(await stream.next(), lastId).toMatchObject({
        event: 'reset',
        id: null,
        body: { type: 'reset', data: {} },
      });
      expect(await stream.next(), lastId).toMatchObject({ event: 'generation.queued', id: '1' });
      await stream.close();
    }
    const { redis, keys } = fixture.store;
    await redis.hdel(keys.generation(id), 'h:1');
    await redis.hset(keys.generation(id), 'h:7', `queued|1|${Date.now()}`, 'sequence', 7);
    const far = await open(id, '3');
    expect(await far.next()).toMatchObject({ event: 'reset' });
    await far.close();
    const near = await open(id, '6');
    expect(await near.next()).toMatchObject({ event: 'generation.queued', id: '7' });
    await near.close();
  });

  it('fault: what Redis has forgotten is taken back with a reset once something else happens', async () => {
    const id = await newGeneration();
    const stream = await open(id);
    await stream.next();
    const key = fixture.store.keys.generation(id);
    const before = await fixture.store.redis.hgetall(key);
    await claim(fixture, id);
    expect(await stream.next()).toMatchObject({ id: '2' });
    await fixture.store.redis.del(key);
    await fixture.store.redis.hset(key, before);
    await cancel(id);
    expect((await stream.rest()).map(({ event, id: at }) => [event, at])).toEqual([
      ['reset', null],
      ['generation.canceled', '2'],
    ]);
  });

  it('a retry after the end can be followed again', async () => {
    const id = await newGeneration();
    await fail(fixture, id);
    await retry(id);
    const stream = await open(id, '3');
    expect(await stream.next()).toMatchObject({ event: 'generation.queued', id: '4' });
    await song(id);
    expect(await stream.rest()).toMatchObject([{ event: 'generation.succeeded', id: '5' }]);
  });

  it('deleting the record ends the stream', async () => {
    const id = await newGeneration();
    const stream = await open(id);
    await stream.next();
    const { redis, keys } = fixture.store;
    await redis.del(keys.generation(id));
    await redis.xadd(keys.events, '*', 'type', 'generation.canceled', 'id', id, 'project', 'default');
    expect(await stream.rest()).toEqual([]);
  });

  it('only those who may read it: others get 404, and a query 422', async () => {
    const id = await newGeneration();
    const made = await fixture.post('/v1/api-keys', { name: 'other', project: 'other', scopes: ['generate'] });
    const { key } = (await made.json()) as { key: string };
    const other = await fixture.call(`/v1/generations/${id}/events`, { headers: { authorization: `Bearer ${key}` } });
    expect([other.status, (await problemOf(other)).code]).toEqual([404, 'not_found']);
    expect((await fixture.call('/v1/generations/gen_none/events')).status).toBe(404);
    expect((await fixture.call(`/v1/generations/${id}/events?from=1`)).status).toBe(422);
    expect((await fixture.call(`/v1/generations/${id}/events`, { method: 'POST' })).status).toBe(405);
  });

  it('HEAD answers the headers at once', async () => {
    const head = await fixture.call(`/v1/generations/${await newGeneration()}/events`, { method: 'HEAD' });
    expect([head.status, head.headers.get('content-type'), await head.text()]).toEqual([
      ...[200, 'text/event-stream; charset=utf-8', ''],
    ]);
  });

  it('a process that stops ends its streams, and another one goes on after the last id', async () => {
    const other = await fixture.another();
    const id = await newGeneration();
    const ask = (url: string, lastId: string) =>
      fetch(`${url}/v1/generations/${id}/events`, {
        headers: { authorization: `Bearer ${KEY}`, 'last-event-id': lastId },
      });
    const stream = readSse(await ask(other.url, '0'));
    expect(await stream.next()).toMatchObject({ id: '1' });
    await other.stop();
    expect(await stream.rest()).toEqual([]);
    await song(id);
    const resumed = readSse(await ask(fixture.api.url, stream.lastId()!));
    expect(await resumed.rest()).toMatchObject([{ event: 'generation.succeeded', id: '2' }]);
  });

  it('a caller that leaves is forgotten', async () => {
    await expect.poll(() => fixture.api.waiting(), { timeout: 20_000 }).toBe(0);
    const stream = await open(await newGeneration());
    await stream.next();
    expect(fixture.api.waiting()).toBe(1);
    await stream.close();
    await expect.poll(() => fixture.api.waiting(), { timeout: 20_000 }).toBe(0);
  });
});
