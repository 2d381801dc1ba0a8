import { setTimeout as delay } from 'node:timers/promises';
import { requires } from '@songmill/shared/testing/requires';
import { startProxy } from '@songmill/shared/testing/tcp-proxy';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ASK, type ApiFixture, generationOf, KEY, problemOf, startFixture } from '../testing/api-fixture.ts';

const headers = { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' };

describe('while Redis is away', requires('redis-server|valkey-server'), () => {
  let fixture: ApiFixture;
  beforeAll(async () => {
    fixture = await startFixture();
  });
  afterAll(async () => fixture?.stop());

  const ask = (url: string) => fetch(`${url}/v1/generations`, { method: 'POST', headers, body: JSON.stringify(ASK) });

  it('an API that starts without Redis answers 503 and recovers by itself', async () => {
    await fixture.redis.kill();
    const late = await fixture.another();
    const refused = await ask(late.url);
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '2']);
    expect((await problemOf(refused)).code).toBe('queue_unavailable');
    await fixture.redis.restart();
    await expect.poll(async () => (await ask(late.url)).status, { timeout: 30_000, interval: 100 }).toBe(202);
    const { id } = await generationOf(await ask(late.url));
    const { redis, keys } = fixture.store;
    await expect.poll(() => redis.exists(keys.job(id, 1)).catch(() => 0), { timeout: 30_000 }).toBe(1);
  });

  it('every route below /v1 says so at once, and stored keys are not called wrong', async () => {
    const made = await fixture.post('/v1/api-keys', { name: 'k' });
    const { key } = (await made.json()) as { key: string };
    await fixture.redis.kill();
    const id = `gen_${'0'.repeat(32)}`;
    for (const [method, path, body] of [
      ['POST', '/v1/generations', JSON.stringify(ASK)],
      ['GET', '/v1/generations', null],
      ['GET', `/v1/generations/${id}`, null],
      ['GET', `/v1/generations/${id}/audio`, null],
      ['POST', `/v1/generations/${id}/cancel`, null],
      ['POST', `/v1/generations/${id}/retry`, null],
      ['DELETE', `/v1/generations/${id}`, null],
      ['GET', '/v1/api-keys', null],
    ] as const) {
      const response = await fixture.call(path, { method, body, headers: body ? headers : {} });
      expect([response.status, response.headers.get('retry-after')], `${method} ${path}`).toEqual([503, '2']);
      expect((await problemOf(response)).code).toBe('queue_unavailable');
    }
    const stored = await fixture.call('/v1/generations', { headers: { authorization: `Bearer ${key}` } });
    expect(stored.status).toBe(503);
    await fixture.redis.restart();
    await expect
      .poll(async () => (await fixture.call('/v1/generations')).status, { timeout: 30_000, interval: 100 })
      .toBe(200);
  });

  it('lost and back under load: only 202 and 503, and every 202 is there', async () => {
    const outcomes: { status: number; id: string }[] = [];
    const loaded = new AbortController();
    const callers = Array.from({ length: 10 }, async () => {
      while (!loaded.signal.aborted) {
        const response = await ask(fixture.api.url);
        outcomes.push({ status: response.status, id: (await generationOf(response)).id });
        if (response.status === 503) await delay(20);
      }
    });
    const count = (status: number) => outcomes.filter((one) => one.status === status).length;
    await expect.poll(() => count(202), { timeout: 20_000 }).toBeGreaterThan(20);
    // SIGTERM, so that Redis writes its log to the end: this test is about us, not about `everysec`.
    await fixture.redis.kill('SIGTERM');
    await expect.poll(() => count(503), { timeout: 20_000 }).toBeGreaterThan(5);
    await fixture.redis.restart();
    const before = count(202);
    await expect.poll(() => count(202), { timeout: 30_000 }).toBeGreaterThan(before + 20);
    loaded.abort();
    await Promise.all(callers);
    expect(new Set(outcomes.map((one) => one.status))).toEqual(new Set([202, 503]));
    await expect.poll(() => fixture.store.redis.status, { timeout: 20_000 }).toBe('ready');
    const { redis, keys } = fixture.store;
    for (const { id, status } of outcomes) {
      if (status === 202) expect(await redis.exists(keys.generation(id))).toBe(1);
    }
  });

  it('a reply lost on the wire makes no second record', async () => {
    const proxy = await startProxy({ to: fixture.redis.url });
    try {
      const other = await fixture.another({}, { REDIS_URL: proxy.url });
      expect((await ask(other.url)).status).toBe(202);
      const list = fixture.store.keys.list('default');
      const before = await fixture.store.redis.zcard(list);
      const dropped = proxy.dropReplies(1, 'evalsha');
      const response = await fetch(`${other.url}/v1/generations`, {
        ...{ method: 'POST', headers: { ...headers, 'idempotency-key': 'cut' }, body: JSON.stringify(ASK) },
      });
      expect(await dropped).toBe(1);
      expect([202, 503]).toContain(response.status);
      await proxy.heal();
      await expect
        .poll(
          async () => {
            const again = await fetch(`${other.url}/v1/generations`, {
              ...{ method: 'POST', headers: { ...headers, 'idempotency-key': 'cut' }, body: JSON.stringify(ASK) },
            });
            return again.status;
          },
          { timeout: 20_000, interval: 100 },
        )
        .toBe(202);
      expect(await fixture.store.redis.zcard(list)).toBe(before + 1);
      await other.stop();
    } finally {
      await proxy.stop();
    }
  });
});
