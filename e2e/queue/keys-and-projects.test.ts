import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { song } from '../testing/requests.ts';
import { startSystem, type TestSystem } from '../testing/system.ts';

let system: TestSystem;
beforeAll(async () => {
  system = await startSystem({ apis: 2, redis: { appendfsync: 'always' } });
});
afterAll(() => system.stop());

async function clientOf(project: string, scopes: ('read' | 'generate' | 'operate' | 'admin')[]) {
  const { key } = await system.client.apiKeys.create({ name: 'test', project, scopes });
  return system.clientOf(1, key);
}

describe('keys and projects', () => {
  it('another project’s generation is not found, whatever is done with its id', async () => {
    const owner = await clientOf('owner', ['generate']);
    const stranger = await clientOf('stranger', ['generate']);
    const settled = await owner.generations.generate(song());
    for (const attempt of [
      () => stranger.generations.retrieve(settled.id),
      () => stranger.generations.audio(settled.id),
      () => stranger.generations.cancel(settled.id),
      () => stranger.generations.retry(settled.id),
      () => stranger.generations.delete(settled.id),
    ]) {
      await expect(attempt()).rejects.toMatchObject({ status: 404, code: 'not_found' });
    }
    expect((await stranger.generations.list()).data).toEqual([]);
    expect((await owner.generations.list()).data.map(({ id }) => id)).toEqual([settled.id]);
  });

  it('two hundred posts of one key over two API processes make one song, billed once', async () => {
    const { key } = await system.client.apiKeys.create({ name: 'two', project: 'two', scopes: ['generate'] });
    const clients = [system.clientOf(0, key), system.clientOf(1, key)];
    const before = (await system.sim.ledger()).charges;
    const request = song();
    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, i) =>
        clients[i % 2]!.generations.create(request, { idempotencyKey: 'one' }).withResponse(),
      ),
    );
    expect(new Set(answers.map(({ data }) => data.id)).size).toBe(1);
    expect(answers.filter(({ replayed }) => !replayed)).toHaveLength(1);
    await clients[0]!.generations.wait(answers[0]!.data.id);
    expect((await system.sim.ledger()).charges - before).toBe(1);
    await expect(clients[1]!.generations.create(song(), { idempotencyKey: 'one' })).rejects.toMatchObject({
      status: 422,
      code: 'idempotency_key_reused',
    });
  });

  it('a revoked key is refused at once by every process', async () => {
    const { id, key } = await system.client.apiKeys.create({ name: 'short', project: 'short', scopes: ['read'] });
    const client = system.clientOf(1, key);
    await client.generations.list();
    await system.client.apiKeys.delete(id);
    await expect(client.generations.list()).rejects.toMatchObject({ status: 401 });
  });

  it('a retry of a canceled song that was finished meanwhile gives the song that was paid for', async () => {
    const client = await clientOf('spares', ['generate']);
    const created = await client.generations.create(song('[sim:latency=2000]'));
    await system.sim.until((state) => state.open_calls > 0);
    expect((await client.generations.cancel(created.id)).status).toBe('canceled');
    await system.sim.until((state) => state.open_calls === 0);
    const paid = await until(
      () => client.generations.retrieve(created.id),
      (each) => each.attempts[0]?.charge === 'charged',
    );
    expect(paid).toMatchObject({ status: 'canceled', result: null });
    await client.generations.retry(created.id);
    expect(await client.generations.wait(created.id)).toMatchObject({ status: 'succeeded', attempts_total: 1 });
  });

  it('a deleted song is gone: its record, its text and its audio', async () => {
    const client = await clientOf('deleted', ['generate']);
    const settled = await client.generations.generate(song());
    await client.generations.delete(settled.id);
    await expect(client.generations.retrieve(settled.id)).rejects.toMatchObject({ status: 404 });
    await expect(client.generations.audio(settled.id)).rejects.toMatchObject({ name: 'NotFoundError' });
    expect((await client.generations.list()).data).toEqual([]);
  });
});

async function until<T>(read: () => PromiseLike<T>, good: (value: T) => boolean): Promise<T> {
  for (;;) {
    const value = await read();
    if (good(value)) return value;
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
}
