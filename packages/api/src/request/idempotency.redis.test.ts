import { requires } from '@songmill/shared/testing/requires';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ASK, type ApiFixture, generationOf, KEY, problemOf, startFixture } from '../testing/api-fixture.ts';
import { fail, publish } from '../testing/settle.ts';

describe('idempotency keys', requires('redis-server|valkey-server'), () => {
  let fixture: ApiFixture;
  beforeAll(async () => {
    fixture = await startFixture();
  });
  afterAll(async () => fixture?.stop());

  const send = (key: string, body: unknown = ASK) => fixture.post('/v1/generations', body, { 'idempotency-key': key });

  it('a replay answers 202 with the record as it is now and says that it is one', async () => {
    const first = await send('now');
    expect(first.headers.get('idempotent-replayed')).toBeNull();
    const made = await generationOf(first);
    await publish(fixture, made.id, Buffer.from('song'));
    const second = await send('now');
    const now = await generationOf(second);
    expect([second.status, second.headers.get('idempotent-replayed')]).toEqual([202, 'true']);
    expect([now.id, now.status]).toEqual([made.id, 'succeeded']);
  });

  it('a replay that waits and sees it settled answers 200', async () => {
    const { id } = await generationOf(await send('settled'));
    await publish(fixture, id, Buffer.from('song'));
    const replay = await fixture.post('/v1/generations', ASK, { 'idempotency-key': 'settled', prefer: 'wait=5' });
    expect(replay.status).toBe(200);
    expect((await generationOf(replay)).id).toBe(id);
  });

  it('the same key with another body is refused, with the same body spelled otherwise it is not', async () => {
    const made = await generationOf(await send('spelling', { lyrics: 'a\r\nb', refer_voice: 'v' }));
    const other = await send('spelling', { lyrics: 'a\nc', refer_voice: 'v' });
    expect(other.status).toBe(422);
    expect((await problemOf(other)).code).toBe('idempotency_key_reused');
    const same = { priority: 'normal', refer_voice: 'v', model: 'music-01', refer_instrumental: '', lyrics: 'a\nb' };
    expect((await generationOf(await send('spelling', same))).id).toBe(made.id);
  });

  it('two projects may use the same key', async () => {
    const key = (await (await fixture.post('/v1/api-keys', { name: 'k', project: 'other' })).json()) as { key: string };
    const mine = await generationOf(await send('shared'));
    const theirs = await fixture.post('/v1/generations', ASK, {
      ...{ 'idempotency-key': 'shared', authorization: `Bearer ${key.key}` },
    });
    expect((await generationOf(theirs)).id).not.toBe(mine.id);
  });

  it('a refused request does not use its key up', async () => {
    expect((await send('refused', { ...ASK, lyrics: 'x'.repeat(201) })).status).toBe(422);
    const now = await send('refused');
    expect([now.status, now.headers.get('idempotent-replayed')]).toEqual([202, null]);
  });

  it.each([
    ['empty', ''],
    ['with a space', 'a b'],
    ['not ASCII', 'caf\u00e9'],
    ['of 256 characters', 'k'.repeat(256)],
  ])('a key %s is a fault of its header', async (_name, key) => {
    const response = await send(key);
    expect(response.status).toBe(422);
    expect((await problemOf(response)).errors).toMatchObject([{ header: 'Idempotency-Key' }]);
  });

  it('a key of 255 characters passes', async () => {
    expect((await send('k'.repeat(255))).status).toBe(202);
  });

  it('200 posts of one key at once over two APIs make one record', async () => {
    const other = await fixture.another();
    const before = await fixture.store.redis.zcard(fixture.store.keys.list('default'));
    const responses = await Promise.all(
      Array.from({ length: 200 }, (_, n) =>
        fetch(`${n % 2 === 0 ? fixture.api.url : other.url}/v1/generations`, {
          method: 'POST',
          headers: {
            ...{ authorization: `Bearer ${KEY}`, 'content-type': 'application/json', 'idempotency-key': 'parallel' },
          },
          body: JSON.stringify(ASK),
        }),
      ),
    );
    const ids = new Set(await Promise.all(responses.map(async (one) => (await generationOf(one)).id)));
    expect(responses.every((one) => one.status === 202)).toBe(true);
    expect(ids.size).toBe(1);
    expect(responses.filter((one) => one.headers.get('idempotent-replayed') === null)).toHaveLength(1);
    expect(await fixture.store.redis.zcard(fixture.store.keys.list('default'))).toBe(before + 1);
  });

  it('what was made with a key and deleted since is gone, not made again', async () => {
    const { id } = await generationOf(await send('deleted'));
    await publish(fixture, id, Buffer.from('song'));
    expect((await fixture.call(`/v1/generations/${id}`, { method: 'DELETE' })).status).toBe(204);
    const replay = await send('deleted');
    expect(replay.status).toBe(410);
    expect((await problemOf(replay)).code).toBe('gone');
  });

  it('a retry sent twice with one key starts one run', async () => {
    const { id } = await generationOf(await fixture.post('/v1/generations', ASK));
    await fail(fixture, id);
    const retry = () =>
      fixture.call(`/v1/generations/${id}/retry`, { method: 'POST', headers: { 'idempotency-key': 'r' } });
    const first = await retry();
    const second = await retry();
    expect([first.status, second.status]).toEqual([202, 202]);
    expect([first.headers.get('idempotent-replayed'), second.headers.get('idempotent-replayed')]).toEqual([
      null,
      'true',
    ]);
    expect((await generationOf(second)).run).toBe(2);
    const { id: another } = await generationOf(await fixture.post('/v1/generations', ASK));
    await fail(fixture, another);
    const reused = await fixture.call(`/v1/generations/${another}/retry`, {
      ...{ method: 'POST', headers: { 'idempotency-key': 'r' } },
    });
    expect((await problemOf(reused)).code).toBe('idempotency_key_reused');
  });
});
