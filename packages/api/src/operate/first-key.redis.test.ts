import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConfigError, parseConfig } from '@songmill/shared/runtime/config';
import { countApiKeys } from '@songmill/shared/runtime/records/api-keys';
import { openRecordStore } from '@songmill/shared/runtime/records/store';
import { redisOptions } from '@songmill/shared/runtime/redis';
import { startRedis, type TestRedis } from '@songmill/shared/testing/redis';
import { requires } from '@songmill/shared/testing/requires';
import { Redis } from 'ioredis';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Api, type ApiOptions, startApi } from '../app.ts';
import { memoryStorage } from '../testing/api-fixture.ts';

describe('the first key', requires('redis-server|valkey-server'), () => {
  let server: TestRedis;
  let redis: Redis;
  let dir: string;
  const apis: Api[] = [];

  beforeAll(async () => {
    server = await startRedis();
    redis = new Redis(redisOptions(server.url, 'worker'));
    redis.on('error', () => {});
  });
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'sgm-key-'));
    await redis.flushall();
  });
  afterEach(async () => {
    await Promise.all(apis.splice(0).map((api) => api.stop()));
    await rm(dir, { recursive: true, force: true });
  });
  afterAll(async () => {
    redis?.disconnect();
    await server?.stop();
  });

  async function start(env: Record<string, string> = {}, more: Partial<ApiOptions> = {}): Promise<Api> {
    const settings = parseConfig({ REDIS_URL: server.url, API_PORT: '0', ...env });
    const logger = pino({ level: 'silent' });
    const api = await startApi({ settings, logger, storage: memoryStorage(), dataDir: dir, graceMs: 500, ...more });
    apis.push(api);
    return api;
  }
  const statusWith = async (api: Api, key: string) =>
    (await fetch(`${api.url}/v1/api-keys`, { headers: { authorization: `Bearer ${key}` } })).status;

  it('is written once to a file that its owner alone can read, and opens every door', async () => {
    const api = await start();
    const key = (await readFile(join(dir, 'api-key'), 'utf8')).trim();
    expect((await stat(join(dir, 'api-key'))).mode & 0o777).toBe(0o600);
    expect(await statusWith(api, key)).toBe(200);
    expect(await readdir(dir)).toEqual(['api-key']);
    await start();
    expect((await readFile(join(dir, 'api-key'), 'utf8')).trim()).toBe(key);
  });

  it('is shown on a terminal instead, when there is one', async () => {
    const lines: string[] = [];
    const api = await start({}, { terminal: (line) => lines.push(line) });
    const key = /sgm_[0-9A-Za-z]{32}/.exec(lines.join('\n'))?.[0] ?? '';
    expect(await statusWith(api, key)).toBe(200);
    expect(await readdir(dir)).toEqual([]);
  });

  it('is one, however many processes start at once', async () => {
    const started = await Promise.all(Array.from({ length: 5 }, () => start()));
    expect(await countApiKeys(openRecordStore(redis, 'songmill'))).toBe(1);
    const key = (await readFile(join(dir, 'api-key'), 'utf8')).trim();
    for (const api of started) expect(await statusWith(api, key)).toBe(200);
  });

  it('is not made when API_KEY is set', async () => {
    await start({ API_KEY: 'my-own' });
    expect(await countApiKeys(openRecordStore(redis, 'songmill'))).toBe(0);
    expect(await readdir(dir)).toEqual([]);
  });

  it('is made as soon as Redis is there', async () => {
    await server.kill();
    const api = await start();
    await server.restart();
    const file = join(dir, 'api-key');
    await expect.poll(() => readFile(file, 'utf8').catch(() => ''), { timeout: 30_000 }).toMatch(/^sgm_/);
    const key = (await readFile(file, 'utf8')).trim();
    await expect.poll(() => statusWith(api, key), { timeout: 30_000 }).toBe(200);
  });

  it('beyond loopback nothing listens without a key', async () => {
    await expect(start({ API_HOST: '0.0.0.0' })).rejects.toThrow(ConfigError);
    await expect(start({ API_HOST: '0.0.0.0' })).rejects.toThrow(/API_KEY/);
    expect(await countApiKeys(openRecordStore(redis, 'songmill'))).toBe(0);
    await start();
    const open = await start({ API_HOST: '0.0.0.0' });
    expect(open.url).toMatch(/^http:\/\/0\.0\.0\.0:\d+$/);
  });
});
