import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openTestRecords, requestOf, type TestRecords } from '../../testing/records.ts';
import { startRedis, type TestRedis } from '../../testing/redis.ts';
import { newId } from '../ids.ts';
import { acceptReference } from './references.ts';
import { loadScript, words } from './store.ts';

let server: TestRedis;
let records: TestRecords;
let opened = 0;

beforeAll(async () => {
  server = await startRedis();
});
beforeEach(() => {
  opened += 1;
  records = openTestRecords(server.url, `t${opened}`);
});
afterEach(() => records.close());
afterAll(() => server.stop());

describe('accepting', () => {
  it('200 parallel posts of one key over four connections make one record', async () => {
    const connections = Array.from({ length: 4 }, () => openTestRecords(server.url, `t${opened}`));
    const idempotency = { key: 'one', fingerprint: 'same' };
    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, n) => connections[n % 4]!.accept({ idempotency })),
    );
    for (const connection of connections) connection.close();
    const made = answers.filter(({ outcome }) => outcome === 'accepted');
    expect(made).toHaveLength(1);
    const id = made[0]!.asked;
    for (const answer of answers) {
      if (answer.outcome !== 'accepted') expect(answer).toMatchObject({ outcome: 'replayed', id });
    }
    expect(await records.store.redis.zrange(records.store.keys.list('p'), '0', '-1')).toEqual([id]);
    expect(await records.store.redis.keys(`${records.store.keys.root}g:*`)).toHaveLength(1);
  });

  it('the same key with another request is refused, and another key is another record', async () => {
    const first = await records.accepted({ idempotency: { key: 'a', fingerprint: 'f' } });
    expect(await records.accept({ idempotency: { key: 'a', fingerprint: 'g' } })).toMatchObject({
      outcome: 'key_reused',
    });
    const second = await records.accepted({ idempotency: { key: 'b', fingerprint: 'f' } });
    expect(second).not.toBe(first);
  });

  it('a full queue refuses, does not use the key up, and still answers replays', async () => {
    const idempotency = { key: 'a', fingerprint: 'f' };
    const first = await records.accepted({ maxWaiting: 2, idempotency: { key: 'b', fingerprint: 'f' } });
    await records.accepted({ maxWaiting: 2 });
    expect(await records.accept({ maxWaiting: 2, idempotency })).toMatchObject({ outcome: 'queue_full' });
    expect(await records.accept({ maxWaiting: 2, idempotency: { key: 'b', fingerprint: 'f' } })).toMatchObject({
      outcome: 'replayed',
      id: first,
    });
    await records.cancel(first);
    expect(await records.accept({ maxWaiting: 2, idempotency })).toMatchObject({ outcome: 'accepted' });
  });

  it('counts everything that waits, wherever it waits, once, and nothing that runs', async () => {
    await records.store.redis.set(`${records.store.keys.root}window-size`, 3);
    const [inWindow, parked, running] = [await records.accepted(), await records.accepted(), await records.accepted()];
    const inLine = await records.accepted();
    await records.release(parked, await records.claimed(parked), 'not_sent', { delayMs: 60_000 });
    await records.claimed(running);
    const { redis, keys } = records.store;
    expect(new Set(await redis.zrange(keys.window, '0', '-1'))).toEqual(new Set([inWindow, running]));
    expect(await redis.zrange(keys.parked, '0', '-1')).toEqual([parked]);
    expect(await redis.zrange(keys.ready, '0', '-1')).toEqual([inLine]);
    expect(await records.accept({ maxWaiting: 3 })).toMatchObject({ outcome: 'queue_full' });
    expect(await records.accept({ maxWaiting: 4 })).toMatchObject({ outcome: 'accepted' });
  });

  it('counts one that is scheduled and waits for its reference once', async () => {
    const { store } = records;
    const reference = newId('ref');
    const idempotency = { key: 'r', fingerprint: 'f' };
    const about = { purpose: 'voice', filename: 'v.wav', key: `${reference}/x.wav`, format: 'wav' } as const;
    await acceptReference(store, {
      id: reference,
      project: 'p',
      ...about,
      bytes: 1,
      durationMs: 1,
      sha256: 'x',
      idempotency,
    });
    const run_at = new Date(Date.now() + 3_600_000).toISOString();
    await records.accepted({ request: requestOf({ refer_voice: '', voice_reference: reference, run_at }) });
    expect(await records.accept({ maxWaiting: 2 })).toMatchObject({ outcome: 'accepted' });
    expect(await records.accept({ maxWaiting: 2 })).toMatchObject({ outcome: 'queue_full' });
  });

  it('counts anew once an hour, so that a wrong count does not last', async () => {
    const { redis, keys } = records.store;
    await records.accepted();
    await redis.set(keys.waiting, 5, 'KEEPTTL');
    expect(await records.accept({ maxWaiting: 2 })).toMatchObject({ outcome: 'queue_full' });
    expect(await redis.ttl(keys.waiting)).toBeGreaterThan(0);
    await redis.del(keys.waiting);
    expect(await records.accept({ maxWaiting: 2 })).toMatchObject({ outcome: 'accepted' });
    expect(await redis.get(keys.waiting)).toBe('2');
  });

  it('gives a pointer while the window has room, and leaves the rest to the feeder', async () => {
    const pointers = [];
    for (let n = 0; n < 22; n++) {
      const answer = await records.accept();
      if (answer.outcome === 'accepted') pointers.push(answer.pointer);
    }
    expect(pointers.slice(0, 20).map((pointer) => pointer?.run)).toEqual(Array.from({ length: 20 }, () => 1));
    expect(pointers.slice(20)).toEqual([null, null]);
  });

  it('gives rising ordinals, and created_at is the time in the ordinal', async () => {
    // A clock that was set back, and the items of one batch, run ahead of the clock.
    await records.store.redis.set(`${records.store.keys.root}ordinal`, (Date.now() + 60_000) * 1000);
    let last = 0;
    for (let n = 0; n < 50; n++) {
      const { ordinal, createdMs } = await records.read(await records.accepted());
      expect(ordinal).toBeGreaterThan(last);
      expect(createdMs).toBe(Math.floor(ordinal / 1000));
      last = ordinal;
    }
  });

  it('takes 100 items in one step, in their order', async () => {
    const ids = Array.from({ length: 100 }, () => newId('gen'));
    const item = (id: string) => [id, 'bulk', 'music-01', 'retry', 0, 0, JSON.stringify(requestOf({ custom_id: id }))];
    const args = ['key', 'f', 1000, 'p', ids.length, ...ids.flatMap(item)];
    const accept = loadScript('accept');
    const reply = words(await accept.run(records.store, args));
    expect(reply).toEqual(['accepted', ...ids.map((_, n) => (n < 20 ? '1' : '0')), expect.stringMatching(/^\d{16}$/)]);
    expect(words(await accept.run(records.store, args))).toEqual(reply);
    const { redis, keys } = records.store;
    expect(await redis.zrange(keys.list('p', 'queued'), '0', '-1')).toEqual(ids);
    expect(await redis.zrange(keys.ready, '0', '-1')).toEqual(ids.slice(20));
    expect((await records.read(ids[99]!)).request.custom_id).toBe(ids[99]);
  });

  it('takes all of the items or none', async () => {
    const ids = [newId('gen'), newId('gen'), newId('gen')];
    const items = ids.flatMap((id) => [id, 'bulk', 'music-01', 'retry', 0, 0, '{}']);
    const reply = await loadScript('accept').run(records.store, ['', '', 2, 'p', 3, ...items]);
    expect(words(reply)).toEqual(['queue_full']);
    expect(await records.store.redis.exists(...ids.map((id) => records.store.keys.generation(id)))).toBe(0);
  });
});
