import { requires } from '@songmill/shared/testing/requires';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ASK, type ApiFixture, generationOf, problemOf, startFixture } from '../testing/api-fixture.ts';
import { claim, fail, leaveUnknown, publish } from '../testing/settle.ts';

describe('cancel, retry, resolve and delete', requires('redis-server|valkey-server'), () => {
  let fixture: ApiFixture;
  beforeAll(async () => {
    fixture = await startFixture();
  });
  afterAll(async () => fixture?.stop());

  async function newGeneration(more: Record<string, unknown> = {}): Promise<string> {
    return (await generationOf(await fixture.post('/v1/generations', { ...ASK, ...more }))).id;
  }
  const act = (id: string, action: string, body?: unknown) =>
    body === undefined
      ? fixture.call(`/v1/generations/${id}/${action}`, { method: 'POST' })
      : fixture.post(`/v1/generations/${id}/${action}`, body);
  const remove = (id: string) => fixture.call(`/v1/generations/${id}`, { method: 'DELETE' });

  async function expectConflict(response: Response, status: string): Promise<void> {
    expect(response.status).toBe(409);
    const problem = await problemOf(response);
    expect(problem.code).toBe('conflict');
    expect(problem.detail).toContain(status);
  }

  it('a waiting song is canceled at once, and only once', async () => {
    const id = await newGeneration();
    const response = await act(id, 'cancel');
    expect(response.status).toBe(200);
    const canceled = await generationOf(response);
    expect([canceled.status, canceled.error?.code, canceled.queue]).toEqual(['canceled', 'canceled', null]);
    await expectConflict(await act(id, 'cancel'), 'canceled');
  });

  it('a song under way is canceled, too, and what arrives later is kept as a spare', async () => {
    const id = await newGeneration();
    await claim(fixture, id);
    expect((await generationOf(await act(id, 'cancel', {}))).status).toBe('canceled');
    await publish(fixture, id, Buffer.from('late'));
    expect((await generationOf(await fixture.call(`/v1/generations/${id}`))).status).toBe('canceled');
    const retried = await act(id, 'retry');
    expect([retried.status, (await generationOf(retried)).status]).toEqual([202, 'succeeded']);
    expect(await (await fixture.call(`/v1/generations/${id}/audio`)).text()).toBe('late');
  });

  it('what succeeded or failed cannot be canceled', async () => {
    const [done, failed] = [await newGeneration(), await newGeneration()];
    await publish(fixture, done, Buffer.from('song'));
    await fail(fixture, failed);
    await expectConflict(await act(done, 'cancel'), 'succeeded');
    await expectConflict(await act(failed, 'cancel'), 'failed');
  });

  it('a retry starts a new run of what failed and keeps its attempts', async () => {
    const id = await newGeneration();
    await expectConflict(await act(id, 'retry'), 'queued');
    await fail(fixture, id);
    const response = await act(id, 'retry', {});
    expect(response.status).toBe(202);
    const retried = await generationOf(response);
    expect(retried).toMatchObject({ id, status: 'queued', run: 2, attempts_total: 1, error: null, finished_at: null });
    const { redis, keys } = fixture.store;
    await expect.poll(() => redis.exists(keys.job(id, 2)), { timeout: 10_000 }).toBe(1);
  });

  it('a human resolves what may have been billed', async () => {
    const [again, enough] = [
      await newGeneration({ on_unknown_charge: 'hold' }),
      await newGeneration({ on_unknown_charge: 'hold' }),
    ];
    for (const id of [again, enough]) await leaveUnknown(fixture, id);
    expect((await generationOf(await fixture.call(`/v1/generations/${again}`))).status).toBe('needs_review');
    const retried = await act(again, 'resolve', { charged: true, action: 'retry' });
    expect(retried.status).toBe(200);
    expect(await generationOf(retried)).toMatchObject({ status: 'queued', run: 2, attempts: [{ charge: 'charged' }] });
    const failed = await generationOf(await act(enough, 'resolve', { charged: false, action: 'fail' }));
    expect(failed).toMatchObject({ status: 'failed', attempts: [{ charge: 'none' }] });
    await expectConflict(await act(enough, 'resolve', { charged: false, action: 'fail' }), 'failed');
  });

  it('a resolve says both what happened and what follows', async () => {
    const id = await newGeneration();
    for (const [body, places] of [
      [{}, ['/action', '/charged']],
      [{ charged: 'yes', action: 'retry' }, ['/charged']],
      [{ charged: true, action: 'publish', note: 'x' }, ['/action', '/note']],
    ] as const) {
      const response = await act(id, 'resolve', body);
      expect(response.status).toBe(422);
      expect(((await problemOf(response)).errors ?? []).map((fault) => fault.pointer ?? '').sort()).toEqual(places);
    }
  });

  it('actions take no options', async () => {
    const id = await newGeneration();
    for (const action of ['cancel', 'retry']) {
      const response = await act(id, action, { force: true });
      expect(response.status).toBe(422);
      expect((await problemOf(response)).errors).toMatchObject([{ pointer: '/force', code: 'unknown_field' }]);
    }
    expect((await generationOf(await fixture.call(`/v1/generations/${id}`))).status).toBe('queued');
  });

  it('delete takes text and audio of what is settled', async () => {
    const id = await newGeneration();
    await expectConflict(await remove(id), 'queued');
    await publish(fixture, id, Buffer.from('song'));
    const response = await remove(id);
    expect([response.status, await response.text()]).toEqual([204, '']);
    expect((await fixture.call(`/v1/generations/${id}`)).status).toBe(404);
    expect((await fixture.call(`/v1/generations/${id}/audio`)).status).toBe(404);
    expect([...fixture.storage.songs.keys()].filter((key) => key.startsWith(id))).toEqual([]);
    const { redis, keys } = fixture.store;
    expect(await redis.sismember(keys.sweep, id)).toBe(0);
    expect(await (await fixture.call('/v1/generations?limit=100')).text()).not.toContain(id);
  });

  it('with the storage away a delete is answered, and the files stay on the list of the sweep', async () => {
    const id = await newGeneration();
    await publish(fixture, id, Buffer.from('song'));
    fixture.storage.fault = new Error('away');
    try {
      expect((await remove(id)).status).toBe(204);
    } finally {
      fixture.storage.fault = null;
    }
    expect(await fixture.store.redis.sismember(fixture.store.keys.sweep, id)).toBe(1);
  });
});
