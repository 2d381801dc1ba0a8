import { requires } from '@songmill/shared/testing/requires';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ApiFixture, startFixture } from '../testing/api-fixture.ts';
import type { ReadinessReport } from './readiness.ts';

describe('health', requires('redis-server|valkey-server'), () => {
  let fixture: ApiFixture;
  beforeAll(async () => {
    fixture = await startFixture();
    await fixture.store.redis.config('SET', 'appendfsync', 'always');
  });
  afterAll(async () => fixture?.stop());

  const nobody = { headers: { authorization: '' } };
  async function ready(): Promise<{ status: number; report: ReadinessReport }> {
    const response = await fixture.call('/readyz', nobody);
    return { status: response.status, report: (await response.json()) as ReadinessReport };
  }
  /** The answer is cached for a second, so a change shows within that. */
  const becomes = (status: string) =>
    expect.poll(async () => (await ready()).report.status, { timeout: 15_000, interval: 100 }).toBe(status);

  it('needs no key and names what a 2xx stands on', async () => {
    await becomes('ready');
    const { status, report } = await ready();
    expect(status).toBe(200);
    expect(report).toMatchObject({
      status: 'ready',
      redis: { status: 'ok', aof: true, fsync: 'always', eviction: 'noeviction', warnings: [] },
      storage: { status: 'ok', free_bytes: null },
      upstream: { status: 'ok' },
    });
    expect((await fixture.call('/livez', nobody)).status).toBe(200);
  });

  it('names no host, path or secret', async () => {
    const text = JSON.stringify((await ready()).report);
    expect(text).not.toContain(fixture.redis.socket);
    expect(text).not.toMatch(/localhost|127\.0\.0\.1|unix:/);
  });

  it('a hold of the upstream is degraded and still 200', async () => {
    const { redis, keys } = fixture.store;
    const hold = { code: '1008', reason: 'insufficient balance', since: '1', next_probe_at: '2' };
    await redis.hset(keys.hold('account'), hold);
    await becomes('degraded');
    const { status, report } = await ready();
    expect([status, report.upstream]).toEqual([200, { status: 'held', reason: 'insufficient balance' }]);
    await redis.del(keys.hold('account'));
    await becomes('ready');
  });

  it('storage that does not take songs is 503', async () => {
    fixture.storage.fault = new Error('read-only file system');
    await becomes('unavailable');
    const { status, report } = await ready();
    expect([status, report.storage.status, report.redis.status]).toEqual([503, 'unavailable', 'ok']);
    expect(JSON.stringify(report)).not.toContain('read-only');
    fixture.storage.fault = null;
    await becomes('ready');
  });

  it('a Redis that may drop what was accepted is not ready', async () => {
    await fixture.store.redis.config('SET', 'maxmemory-policy', 'allkeys-lru');
    await becomes('unavailable');
    expect((await ready()).report.redis.reason).toContain('noeviction');
    await fixture.store.redis.config('SET', 'maxmemory-policy', 'noeviction');
    await becomes('ready');
  });

  it('a Redis that may forget the last second is degraded and still 200', async () => {
    await fixture.store.redis.config('SET', 'appendfsync', 'everysec');
    await becomes('degraded');
    const { status, report } = await ready();
    expect([status, report.redis.status, report.redis.warnings.length]).toEqual([200, 'ok', 1]);
    await fixture.store.redis.config('SET', 'appendfsync', 'always');
    await becomes('ready');
  });

  it('little room for songs is degraded: requests are taken and wait', async () => {
    fixture.storage.free = 1000;
    await becomes('degraded');
    const { status, report } = await ready();
    expect([status, report.storage.status, report.storage.free_bytes]).toEqual([200, 'low', 1000]);
    fixture.storage.free = null;
    await becomes('ready');
  });

  it('storage that is not the one of the others is 503', async () => {
    const { mark } = fixture.storage;
    for (const wrong of ['another', null]) {
      fixture.storage.mark = wrong;
      await becomes('unavailable');
      expect((await ready()).report.storage.reason).toMatch(wrong === null ? /mounted/ : /STORAGE_URL/);
    }
    fixture.storage.mark = mark;
    await becomes('ready');
  });

  it('fault: nobody starts on a Redis that may drop what was accepted', async () => {
    await fixture.store.redis.config('SET', 'maxmemory-policy', 'allkeys-lru');
    await expect(fixture.another()).rejects.toThrow(/REDIS_URL: .*noeviction/);
    await fixture.store.redis.config('SET', 'maxmemory-policy', 'noeviction');
  });

  it('without Redis the process lives and is not ready', async () => {
    await fixture.redis.kill();
    await becomes('unavailable');
    const { status, report } = await ready();
    expect([status, report.redis.status, report.upstream.status]).toEqual([503, 'unavailable', 'unknown']);
    expect((await fixture.call('/livez', nobody)).status).toBe(200);
    await fixture.redis.restart();
    // As it was started: with everysec.
    await becomes('degraded');
  });
});
