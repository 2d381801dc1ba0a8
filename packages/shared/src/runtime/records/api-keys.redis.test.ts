import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startRedis, type TestRedis } from '../../testing/redis.ts';
import { requires } from '../../testing/requires.ts';
import { newId } from '../ids.ts';
import { redisOptions } from '../redis.ts';
import {
  countApiKeys,
  createApiKey,
  findApiKey,
  leaseFirstApiKey,
  listApiKeys,
  type NewApiKey,
  readApiKey,
  revokeApiKey,
  touchApiKey,
} from './api-keys.ts';
import { openRecordStore, type RecordStore } from './store.ts';

function key(change: Partial<NewApiKey> = {}): NewApiKey {
  const id = newId('key');
  const given = { project: 'p', scopes: ['generate'] as const, name: 'n', last4: 'abcd', expiresMs: null };
  return { id, sha256: id.slice(4).padEnd(64, '0'), ...given, idempotency: null, ...change };
}

describe('api keys', requires('redis-server|valkey-server'), () => {
  let server: TestRedis;
  let redis: Redis;
  let store: RecordStore;

  beforeAll(async () => {
    server = await startRedis();
    redis = new Redis(redisOptions(server.url, 'worker'));
    store = openRecordStore(redis, 'test');
  });
  beforeEach(async () => {
    await redis.flushall();
  });
  afterAll(async () => {
    redis?.disconnect();
    await server?.stop();
  });

  it('a stored key is found by its hash with what it grants', async () => {
    const one = key({ scopes: ['read', 'admin'], expiresMs: 5 });
    expect((await createApiKey(store, one)).outcome).toBe('created');
    const grant = { id: one.id, project: 'p', scopes: ['read', 'admin'], expiresMs: 5 };
    expect(await findApiKey(store, one.sha256)).toEqual(grant);
    expect(await findApiKey(store, 'f'.repeat(64))).toBeNull();
  });

  it('the same id twice is one key with one creation time', async () => {
    const one = key();
    const first = await createApiKey(store, one);
    expect(await createApiKey(store, one)).toEqual(first);
    expect(await countApiKeys(store)).toBe(1);
  });

  it('an idempotency key makes one key and refuses another body', async () => {
    const one = key({ idempotency: { key: 'k', fingerprint: 'a' } });
    await createApiKey(store, one);
    const replay = await createApiKey(store, key({ idempotency: { key: 'k', fingerprint: 'a' } }));
    expect(replay).toEqual({ outcome: 'replayed', id: one.id });
    const other = await createApiKey(store, key({ idempotency: { key: 'k', fingerprint: 'b' } }));
    expect(other).toEqual({ outcome: 'key_reused' });
    expect(await countApiKeys(store)).toBe(1);
  });

  it('a revoked key is gone at once, and the operation sent twice answers the same', async () => {
    const one = key();
    await createApiKey(store, one);
    expect(await revokeApiKey(store, one.id, 'op')).toBe('revoked');
    expect(await revokeApiKey(store, one.id, 'op')).toBe('revoked');
    expect(await revokeApiKey(store, one.id, 'another')).toBe('missing');
    expect(await findApiKey(store, one.sha256)).toBeNull();
    await touchApiKey(store, one.sha256);
    expect(await findApiKey(store, one.sha256)).toBeNull();
  });

  it('lists every key once, newest first, over pages', async () => {
    const ids: string[] = [];
    for (let n = 0; n < 7; n++) {
      const one = key();
      ids.unshift(one.id);
      await createApiKey(store, one);
    }
    const seen: string[] = [];
    let after: string | null = null;
    do {
      const page: Awaited<ReturnType<typeof listApiKeys>> = await listApiKeys(store, { limit: 3, after });
      seen.push(...page.keys.map((one) => one.id));
      after = page.next;
    } while (after !== null);
    expect(seen).toEqual([...ids].sort().reverse());
  });

  it('notes the last use', async () => {
    const one = key();
    await createApiKey(store, one);
    expect((await readApiKey(store, one.id))?.lastUsedMs).toBeNull();
    await touchApiKey(store, one.sha256);
    expect((await readApiKey(store, one.id))?.lastUsedMs).toBeGreaterThan(0);
  });

  it('the first key is made by the holder of the lease alone, and only while there is none', async () => {
    const leases = await Promise.all(['a', 'b', 'c'].map((lease) => leaseFirstApiKey(store, lease, 60_000)));
    expect(leases.filter(Boolean)).toHaveLength(1);
    const winner = ['a', 'b', 'c'][leases.indexOf(true)] ?? '';
    expect((await createApiKey(store, key({ firstLease: 'nobody' }))).outcome).toBe('not_first');
    expect((await createApiKey(store, key({ firstLease: winner }))).outcome).toBe('created');
    expect((await createApiKey(store, key({ firstLease: winner }))).outcome).toBe('not_first');
  });
});
