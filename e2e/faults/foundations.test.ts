import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterEach, describe, expect, it } from 'vitest';
import { song } from '../testing/requests.ts';
import { startSystem, type TestSystem } from '../testing/system.ts';

let system: TestSystem;
afterEach(() => system.stop());

async function withRedis<T>(work: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis(system.redis.socket);
  try {
    return await work(redis);
  } finally {
    redis.disconnect();
  }
}

/** Starts a process that is to end by itself; its exit code and what it said. */
async function endOf(main: string): Promise<{ code: number; said: string }> {
  const child = spawn(process.execPath, [`packages/${main}/dist/main.js`], {
    ...{ cwd: join(import.meta.dirname, '../..'), env: { PATH: process.env['PATH'], ...system.env } },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number];
  return { code, said };
}

const readyz = async (url: string) => {
  const answer = await fetch(`${url}/readyz`);
  return { code: answer.status, ...((await answer.json()) as { status: string; storage: { status: string } }) };
};

describe('what processes stand on', () => {
  it('fault: on a Redis that may evict, API and worker end with exit code 78 and say what to do', async () => {
    system = await startSystem({ apis: 0, workers: 0 });
    await withRedis((redis) => redis.config('SET', 'maxmemory-policy', 'allkeys-lru'));
    for (const main of ['api', 'worker']) {
      const { code, said } = await endOf(main);
      expect([code, said], main).toEqual([78, expect.stringMatching(/REDIS_URL: maxmemory-policy.*noeviction/)]);
    }
  });

  it('fault: below STORAGE_MIN_FREE_BYTES nothing is bought, waiting says why, and room lets it go on', async () => {
    system = await startSystem({ env: { STORAGE_MIN_FREE_BYTES: '900000000000000' } });
    const { id } = await system.client.generations.create(song());
    const queue = async () => (await system.client.generations.retrieve(id)).queue;
    await expect.poll(async () => (await queue())?.blocked_by, { timeout: 30_000 }).toBe('storage');
    expect((await queue())?.reason).toContain('STORAGE_MIN_FREE_BYTES');
    expect((await system.sim.ledger()).calls).toBe(0);
    expect(await readyz(system.apis[0]!.url)).toMatchObject({
      code: 200,
      status: 'degraded',
      storage: { status: 'low' },
    });
    expect((await readyz(system.workers[0]!.url)).code).toBe(503);
    await system.workers[0]!.kill('SIGKILL');
    await system.startWorker({ STORAGE_MIN_FREE_BYTES: '0' });
    expect((await system.client.generations.wait(id, { timeoutMs: 60_000 })).status).toBe('succeeded');
  });

  it('fault: a worker on another storage than the API buys nothing', async () => {
    system = await startSystem({ workers: 0 });
    await expect.poll(async () => (await readyz(system.apis[0]!.url)).code, { timeout: 30_000 }).toBe(200);
    const lost = await system.startWorker({ STORAGE_URL: `file:${join(system.data, 'not-mounted')}` });
    const { id } = await system.client.generations.create(song());
    await expect
      .poll(async () => (await system.client.generations.retrieve(id)).queue?.blocked_by, { timeout: 30_000 })
      .toBe('storage');
    expect((await readyz(lost.url)).code).toBe(503);
    expect((await system.sim.ledger()).calls).toBe(0);
    await lost.kill('SIGKILL');
    await system.startWorker();
    expect((await system.client.generations.wait(id, { timeoutMs: 60_000 })).status).toBe('succeeded');
    expect((await system.sim.ledger()).charges).toBe(1);
  });

  it.each<[string, (redis: Redis) => Promise<unknown>]>([
    ['is out of memory', (redis: Redis) => redis.config('SET', 'maxmemory', '1mb')],
    ['misses its replicas', (redis: Redis) => redis.config('SET', 'min-replicas-to-write', '1')],
    ['is read-only', (redis: Redis) => redis.replicaof('127.0.0.1', 1)],
  ])('fault: a Redis that %s costs no second call, and workers wait for it without a crash', async (_what, begin) => {
    system = await startSystem({ timeScale: 0.02 });
    const ids = await Promise.all(
      Array.from({ length: 5 }, async () => (await system.client.generations.create(song())).id),
    );
    await system.sim.until(({ open_calls }) => open_calls > 0);
    await withRedis(begin);
    await system.sim.until(({ open_calls }) => open_calls === 0);
    for (const { url } of [system.apis[0]!, system.workers[0]!]) {
      await expect.poll(async () => (await readyz(url)).code, { timeout: 30_000 }).toBe(503);
    }
    await expect(system.client.generations.create(song())).rejects.toMatchObject({ status: 503 });
    await withRedis(async (redis) => {
      await redis.config('SET', 'maxmemory', '0');
      await redis.config('SET', 'min-replicas-to-write', '0');
      await redis.replicaof('NO', 'ONE');
    });
    for (const { url } of [system.apis[0]!, system.workers[0]!]) {
      await expect.poll(async () => (await readyz(url)).code, { timeout: 30_000 }).toBe(200);
    }
    const settled = await Promise.all(
      ids.map(async (id) => (await system.client.generations.wait(id, { timeoutMs: 90_000 })).status),
    );
    expect(settled).toEqual(ids.map(() => 'succeeded'));
    const { charges, calls } = await system.sim.ledger();
    expect([charges, calls]).toEqual([5, 5]);
  });
});
