import { mkdirSync, rmdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { requires } from '@songmill/shared/testing/requires';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ASK, type ApiFixture, generationOf, problemOf, startFixture } from '../testing/api-fixture.ts';

describe('a Redis that takes nothing', requires('redis-server|valkey-server'), () => {
  let fixture: ApiFixture;
  beforeAll(async () => {
    fixture = await startFixture();
  });
  afterAll(async () => fixture?.stop());

  const ask = (key?: string) => fixture.post('/v1/generations', ASK, key ? { 'idempotency-key': key } : {});

  interface Fault {
    readonly what: string;
    readonly word: string;
    begin(): Promise<unknown>;
    end(): Promise<unknown>;
  }
  const config = (name: string, value: string) => fixture.store.redis.config('SET', name, value);
  const inTheWay = () => join(dirname(fixture.redis.socket), 'dump.rdb');
  const faults: Fault[] = [
    {
      what: 'is out of memory (OOM)',
      word: 'maxmemory',
      begin: () => config('maxmemory', '1mb'),
      end: () => config('maxmemory', '0'),
    },
    {
      what: 'misses its replicas (NOREPLICAS)',
      word: 'min-replicas-to-write',
      begin: () => config('min-replicas-to-write', '1'),
      end: () => config('min-replicas-to-write', '0'),
    },
    {
      what: 'became a replica (READONLY)',
      word: 'replica',
      begin: () => fixture.store.redis.replicaof('127.0.0.1', 1),
      end: () => fixture.store.redis.replicaof('NO', 'ONE'),
    },
    {
      what: 'cannot write to its disk (MISCONF)',
      word: 'disk',
      async begin() {
        mkdirSync(inTheWay());
        await config('save', '3600 1');
        await fixture.store.redis.bgsave();
        const status = async () =>
          /rdb_last_bgsave_status:(\w+)/.exec(await fixture.store.redis.info('persistence'))?.[1];
        await expect.poll(status, { timeout: 20_000 }).toBe('err');
      },
      async end() {
        rmdirSync(inTheWay());
        await config('save', '');
      },
    },
  ];

  it.each(faults)(
    'fault: one that $what is a 503 that says so, and the key is not used up',
    async ({ word, begin, end }) => {
      const before = await generationOf(await ask());
      await begin();
      try {
        const refused = await ask(`key ${word}`.replaceAll(' ', '-'));
        expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '2']);
        const problem = await problemOf(refused);
        expect(problem.code).toBe('queue_unavailable');
        expect(problem.detail).toContain(word);
        expect(problem.detail).not.toContain('may have been done');
        // What is there can be read all the while.
        const read = async () => (await fixture.call(`/v1/generations/${before.id}`)).status;
        await expect.poll(read, { timeout: 20_000 }).toBe(200);
      } finally {
        await end();
      }
      const taken = await ask(`key ${word}`.replaceAll(' ', '-'));
      expect([taken.status, taken.headers.get('idempotent-replayed')]).toEqual([202, null]);
    },
  );
});

describe('a Redis that is frozen', requires('redis-server|valkey-server'), () => {
  let fixture: ApiFixture;
  beforeAll(async () => {
    fixture = await startFixture();
  });
  afterAll(async () => fixture?.stop());

  it('fault: gives 503 soon, then at once, and what it had taken is one record', async () => {
    const { store, redis } = fixture;
    const ask = () => fixture.post('/v1/generations', ASK, { 'idempotency-key': 'frozen' });
    expect((await fixture.post('/v1/generations', ASK)).status).toBe(202);
    const list = store.keys.list('default');
    const before = await store.redis.zcard(list);
    await redis.kill('SIGSTOP');
    const began = performance.now();
    const first = await ask();
    const tookMs = performance.now() - began;
    const problem = await problemOf(first);
    expect([first.status, problem.code, first.headers.get('retry-after')]).toEqual([503, 'queue_unavailable', '2']);
    expect(problem.detail).toContain('may have been done');
    expect(problem.detail).toContain('Idempotency-Key');
    // Far below the five seconds of a connection that waits; a busy machine may add to the one second.
    expect(tookMs).toBeLessThan(3500);
    const again: number[] = [];
    for (let n = 0; n < 5; n++) {
      const since = performance.now();
      expect((await ask()).status).toBe(503);
      again.push(performance.now() - since);
    }
    expect(again.toSorted((a, b) => a - b)[2]).toBeLessThan(500);
    await redis.kill('SIGCONT');
    await expect.poll(async () => (await ask()).status, { timeout: 20_000, interval: 100 }).toBe(202);
    const [one, two] = [await ask(), await ask()];
    expect([one.headers.get('idempotent-replayed'), two.headers.get('idempotent-replayed')]).toEqual(['true', 'true']);
    expect((await generationOf(one)).id).toBe((await generationOf(two)).id);
    expect(await store.redis.zcard(list)).toBe(before + 1);
  });

  it('fault: a request without a key is told to look before it repeats, and a read is not', async () => {
    const { redis } = fixture;
    await expect.poll(async () => (await fixture.call('/v1/generations')).status, { timeout: 20_000 }).toBe(200);
    await redis.kill('SIGSTOP');
    const answer = await fixture.post('/v1/generations', ASK);
    expect((await problemOf(answer)).detail).toContain('look before you repeat it');
    const read = await fixture.call('/v1/generations');
    expect([read.status, (await problemOf(read)).detail.includes('may have been done')]).toEqual([503, false]);
    await redis.kill('SIGCONT');
    await expect.poll(async () => (await fixture.call('/v1/generations')).status, { timeout: 20_000 }).toBe(200);
  });
});
