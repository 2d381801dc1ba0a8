import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openTestRecords, type TestRecords } from '../../testing/records.ts';
import { startRedis, type TestRedis } from '../../testing/redis.ts';
import { requires } from '../../testing/requires.ts';
import type { Logger } from '../logger.ts';
import { noteStorageTrouble } from '../records/storage-trouble.ts';
import { waitInfo } from '../records/wait-info.ts';
import { brakeStarts } from '../records/brake.ts';
import { StorageError } from '../storage/storage-error.ts';
import { type CheckedStorage, type Foundations, refuseUnsafeRedis, startFoundations } from './foundations.ts';
import { sameStorage } from './storage-marker.ts';

interface FakeStorage extends CheckedStorage {
  mark: string | null;
  free: number | null;
  fault: StorageError | null;
}
function fakeStorage(mark: string | null = null, free: number | null = null): FakeStorage {
  return {
    ...{ mark, free, fault: null },
    async check() {
      if (this.fault) throw this.fault;
    },
    async freeBytes() {
      return this.free;
    },
    async readMark() {
      return this.mark;
    },
    async writeMark(given) {
      this.mark ??= given;
    },
  };
}

describe('what processes stand on', requires('redis-server|valkey-server'), () => {
  let server: TestRedis;
  let records: TestRecords;
  let opened = 0;
  const parts: Foundations[] = [];
  let lines: { level: string; trouble: string }[] = [];

  beforeAll(async () => {
    server = await startRedis({ appendfsync: 'always' });
  });
  beforeEach(async () => {
    opened += 1;
    lines = [];
    records = openTestRecords(server.url, `f${opened}`);
    await records.store.redis.ping();
  });
  afterEach(async () => {
    await Promise.all(parts.splice(0).map((part) => part.stop()));
    records.close();
  });
  afterAll(() => server.stop());

  const logger = (() => {
    const at = (level: string) => (fields: { trouble?: string }) => {
      if (fields.trouble !== undefined) lines.push({ level, trouble: fields.trouble });
    };
    return { error: at('error'), warn: at('warn'), info: at('info'), debug: at('debug') } as unknown as Logger;
  })();
  const start = (storage: CheckedStorage, minFreeBytes = 0) => {
    const onStop = (stop: Parameters<typeof noteStorageTrouble>[1]) => noteStorageTrouble(records.store, stop);
    const started = startFoundations({ store: records.store, storage, minFreeBytes, logger, onStop });
    parts.push(started);
    return started;
  };
  const config = (name: string, value: string) => records.store.redis.config('SET', name, value);

  it('all is well on a log synced for each write, and nothing is written to look', async () => {
    const { redis, storage, stop } = await start(fakeStorage()).look();
    expect(redis).toMatchObject({ status: 'ok', reason: null, warnings: [], fsync: 'always', eviction: 'noeviction' });
    expect([storage.status, stop]).toEqual(['ok', null]);
    expect(Math.abs(redis.clock_skew_ms!)).toBeLessThan(1000);
    expect(await records.store.redis.keys(`{f${opened}}:*check*`)).toEqual([]);
  });

  it('fault: a Redis that may evict stops paid calls, is told in the log, and refuses whoever starts', async () => {
    await config('maxmemory-policy', 'allkeys-lru');
    try {
      const { redis, stop } = await start(fakeStorage()).look();
      expect([redis.status, stop?.code]).toEqual(['unavailable', 'redis']);
      expect(redis.reason).toContain('noeviction');
      expect(lines).toEqual([{ level: 'error', trouble: expect.stringContaining('allkeys-lru') }]);
      await expect(refuseUnsafeRedis(records.store)).rejects.toThrow(/REDIS_URL: maxmemory-policy.*noeviction/);
    } finally {
      await config('maxmemory-policy', 'noeviction');
    }
    await expect(refuseUnsafeRedis(records.store)).resolves.toBeUndefined();
  });

  it('fault: a Redis without a log is refused', async () => {
    await config('appendonly', 'no');
    await expect(refuseUnsafeRedis(records.store)).rejects.toThrow(/appendonly/);
    await config('appendonly', 'yes');
  });

  it('everysec is a warning and no more', async () => {
    await config('appendfsync', 'everysec');
    const { redis, stop } = await start(fakeStorage()).look();
    await config('appendfsync', 'always');
    expect([redis.status, redis.warnings.length, stop]).toEqual(['ok', 1, null]);
  });

  it('fault: a managed Redis that lets nobody ask is warned about, not refused', async () => {
    const { redis: admin } = records.store;
    await admin.acl('SETUSER', 'tenant', 'on', '>secret', '~*', '&*', '+@all', '-config');
    const tenant = openTestRecords(server.url.replace('unix://', 'unix://tenant:secret@localhost'), `f${opened}`);
    try {
      await tenant.store.redis.ping();
      await expect(refuseUnsafeRedis(tenant.store)).resolves.toBeUndefined();
      const looking = startFoundations({ store: tenant.store, storage: fakeStorage(), minFreeBytes: 0, logger });
      parts.push(looking);
      const { redis } = await looking.look();
      expect([redis.status, redis.fsync, redis.warnings]).toEqual(['ok', null, [expect.stringContaining('not known')]]);
    } finally {
      tenant.close();
      await admin.acl('DELUSER', 'tenant');
    }
  });

  it('fault: a Redis that takes no writes is not ready and says why', async () => {
    await config('min-replicas-to-write', '1');
    const { redis, stop } = await start(fakeStorage()).look();
    await config('min-replicas-to-write', '0');
    expect([redis.status, redis.reason, stop]).toEqual(['unavailable', expect.stringContaining('min-replicas'), null]);
  });

  it('fault: little room stops paid calls, and one event tells it however many workers see it', async () => {
    const storage = fakeStorage(null, 10);
    const [one, two] = [start(storage, 11), start(storage, 11)];
    const { storage: state, stop } = await one.look();
    await two.look();
    expect([state.status, state.free_bytes, stop?.code]).toEqual(['low', 10, 'low']);
    const events = await records.store.redis.xrange(records.store.keys.events, '-', '+');
    expect(events.map(([, fields]) => fields[1])).toEqual(['storage.low']);
  });

  it('says why to whoever waits', async () => {
    const id = await records.accepted();
    await records.alive('w1');
    await start(fakeStorage(null, 10), 11).look();
    await brakeStarts(records.store, 60_000, 'storage');
    expect(await waitInfo(records.store, await records.read(id), 60_000)).toMatchObject({
      ...{ blocked_by: 'storage', reason: expect.stringContaining('STORAGE_MIN_FREE_BYTES') },
    });
  });

  it('fault: storage that fails is told without what it said, which may name paths', async () => {
    const storage = fakeStorage();
    storage.fault = new StorageError('unavailable', 'EROFS /mnt/secret');
    const report = await start(storage).look();
    expect([report.storage.status, report.stop?.code]).toEqual(['unavailable', 'storage']);
    expect(JSON.stringify(report)).not.toContain('secret');
  });

  describe('the mark of the storage', () => {
    it('is made once, however many processes begin at once, and all agree', async () => {
      const storage = fakeStorage();
      const seen = await Promise.all(Array.from({ length: 10 }, () => sameStorage(records.store, storage)));
      expect(seen).toEqual(seen.map(() => 'same'));
      expect(await records.store.redis.get(records.store.keys.storageMark)).toBe(storage.mark);
    });

    it('is taken over by a Redis that is new or forgot', async () => {
      expect(await sameStorage(records.store, fakeStorage('old'))).toBe('same');
      expect(await sameStorage(records.store, fakeStorage('old'))).toBe('same');
    });

    it('fault: another storage, or an empty one, stops paid calls', async () => {
      expect(await sameStorage(records.store, fakeStorage('ours'))).toBe('same');
      for (const mark of ['theirs', null]) {
        const { storage, stop } = await start(fakeStorage(mark)).look();
        expect([storage.status, stop?.code], String(mark)).toEqual(['unavailable', 'storage']);
      }
      expect(await records.store.redis.get(records.store.keys.storageMark)).toBe('ours');
    });
  });
});
