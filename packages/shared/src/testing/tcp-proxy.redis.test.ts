import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startRedis, type TestRedis } from './redis.ts';
import { requires } from './requires.ts';
import { type FaultProxy, startProxy } from './tcp-proxy.ts';

describe('a fault proxy before Redis', requires('redis-server|valkey-server'), () => {
  let server: TestRedis;
  let proxy: FaultProxy;
  let redis: Redis;
  let direct: Redis;

  beforeAll(async () => {
    server = await startRedis();
    direct = new Redis(server.socket);
  });
  beforeEach(async () => {
    await direct.flushall();
    proxy = await startProxy({ to: server.url });
    redis = new Redis(proxy.url, { retryStrategy: () => 20, maxRetriesPerRequest: null });
    redis.on('error', () => {});
    await redis.ping();
  });
  afterEach(async () => {
    redis.disconnect();
    await proxy.stop();
  });
  afterAll(async () => {
    direct.disconnect();
    await server.stop();
  });

  it('runs a command twice when its reply is swallowed and the client sends it again', async () => {
    const dropped = proxy.dropReplies(1, 'incr');
    expect(await redis.incr('twice')).toBe(2);
    expect(await dropped).toBe(1);
    expect(await direct.get('twice')).toBe('2');
  });

  it('lets commands that do not match pass', async () => {
    const dropped = proxy.dropReplies(1, 'incr');
    expect(await redis.set('other', '1')).toBe('OK');
    await proxy.heal();
    expect(await dropped).toBe(0);
    expect(await redis.incr('once')).toBe(1);
  });

  it('answers nothing while black-holed and everything after healing', async () => {
    proxy.blackhole();
    let answered = false;
    const answer = redis.set('late', '1').then((text) => {
      answered = true;
      return text;
    });
    expect(await direct.get('late')).toBeNull();
    expect(answered).toBe(false);
    await proxy.heal();
    expect(await answer).toBe('OK');
  });

  it('refuses connections until it heals, then serves on the same port', async () => {
    const { port } = proxy;
    proxy.refuse();
    const refused = new Redis(port, '127.0.0.1', { lazyConnect: true, retryStrategy: () => null });
    const faults: Error[] = [];
    refused.on('error', (error) => faults.push(error));
    await expect(refused.connect()).rejects.toThrow('Connection is closed');
    expect(faults[0]).toMatchObject({ code: 'ECONNREFUSED' });
    await proxy.heal();
    expect(proxy.port).toBe(port);
    expect(await redis.ping()).toBe('PONG');
  });

  it('holds both directions back by the latency', async () => {
    proxy.latency(60);
    const before = performance.now();
    await redis.ping();
    expect(performance.now() - before).toBeGreaterThanOrEqual(119);
  });

  it('keeps the order when the latency shrinks on the way', async () => {
    proxy.latency(80);
    const first = redis.rpush('order', 'first');
    proxy.latency(0);
    await Promise.all([first, redis.rpush('order', 'second')]);
    expect(await direct.lrange('order', 0, -1)).toEqual(['first', 'second']);
  });
});

describe('a fault proxy before an HTTP server', () => {
  let server: Server;
  let proxy: FaultProxy;
  const body = 'x'.repeat(300_000);

  beforeAll(async () => {
    server = createServer((_request, response) => response.end(body));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  beforeEach(async () => {
    proxy = await startProxy({ to: `http://127.0.0.1:${(server.address() as { port: number }).port}` });
  });
  afterEach(() => proxy.stop());
  afterAll(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  it('carries a large body unharmed', async () => {
    const answer = await fetch(proxy.url, { headers: { connection: 'close' } });
    expect(await answer.text()).toBe(body);
  });

  it('cuts an answer after the number of bytes asked for', async () => {
    proxy.cutAfterBytes(100_000);
    const answer = await fetch(proxy.url);
    let bytes = 0;
    const read = async () => {
      for await (const chunk of answer.body!) bytes += chunk.byteLength;
    };
    await expect(read()).rejects.toThrow('terminated');
    expect(bytes).toBeGreaterThan(0);
    expect(bytes).toBeLessThan(100_000);
  });

  it('resets open connections', async () => {
    proxy.blackhole();
    const answer = fetch(proxy.url);
    await expect.poll(() => proxy.connections, { timeout: 20_000 }).toBe(1);
    proxy.resetAll();
    await expect(answer).rejects.toThrow('fetch failed');
    expect(proxy.connections).toBe(0);
  });
});
