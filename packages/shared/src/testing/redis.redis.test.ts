import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startRedis, type TestRedis } from './redis.ts';
import { requires } from './requires.ts';

describe('a private Redis for tests', requires('redis-server|valkey-server'), () => {
  let server: TestRedis;
  let redis: Redis;

  beforeAll(async () => {
    server = await startRedis({ appendfsync: 'always' });
    redis = new Redis({ path: server.socket, retryStrategy: () => 20, maxRetriesPerRequest: null });
    redis.on('error', () => {});
  });

  afterAll(async () => {
    redis.disconnect();
    await server.stop();
    await server.stop();
  });

  it('refuses writes rather than evicting keys, and writes its log before it answers', async () => {
    expect(await redis.config('GET', 'maxmemory-policy')).toEqual(['maxmemory-policy', 'noeviction']);
    expect(await redis.config('GET', 'appendfsync')).toEqual(['appendfsync', 'always']);
  });

  it('keeps its data over a kill and a restart on the same socket', async () => {
    await redis.set('kept', 'yes');
    const before = server.pid;
    await server.kill('SIGKILL');
    await server.restart();
    expect(server.pid).not.toBe(before);
    expect(await redis.get('kept')).toBe('yes');
  });

  it('can be frozen and woken', async () => {
    await server.kill('SIGSTOP');
    const answer = redis.ping();
    await server.kill('SIGCONT');
    expect(await answer).toBe('PONG');
  });

  it('says what the server printed when it cannot start', async () => {
    await expect(startRedis({ args: ['--no-such-setting', '1'] })).rejects.toThrow(/no-such-setting/);
  });
});
