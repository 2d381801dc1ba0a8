import { PermissionError } from '@songmill/client/errors';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { song } from '../testing/requests.ts';
import { startSystem, type TestSystem } from '../testing/system.ts';

let system: TestSystem;
beforeAll(async () => {
  system = await startSystem({ workers: 2, timeScale: 0.01 });
});
afterAll(async () => system?.stop());

const generate = async () => (await system.client.queues.list()).data[0]!;
const calls = async () => (await system.sim.ledger()).calls;

describe('an operator', () => {
  it('sees each worker with its slots, and the limits that they set', async () => {
    const { data } = await system.client.workers.list();
    expect(data).toHaveLength(2);
    for (const worker of data) {
      expect(worker).toMatchObject({ object: 'worker', alive: true, slots: { total: 20 }, node: process.version });
    }
    expect(new Set(data.map(({ pid }) => pid))).toEqual(new Set(system.workers.map(({ pid }) => pid)));
    expect((await generate()).rate).toEqual({ per_minute: null, concurrency: 10 });
  });

  it('pauses starts and nothing else: calls under way end, new songs wait and say why, until it resumes', async () => {
    const running = await system.client.generations.create(song());
    await system.sim.until(({ open_calls }) => open_calls === 1);
    const paused = await system.client.queues.pause('generate', 'the bill is checked');
    expect(paused.paused).toMatchObject({ reason: 'the bill is checked', by: 'bootstrap' });
    const waiting = await system.client.generations.create(song());
    expect((await system.client.generations.wait(running.id)).status).toBe('succeeded');
    const before = await calls();
    const seen = await system.client.generations.retrieve(waiting.id);
    expect(seen.queue).toMatchObject({ blocked_by: 'paused', reason: 'the bill is checked' });
    expect((await generate()).counts).toEqual({ scheduled: 0, queued: 1, processing: 0 });
    expect(await calls()).toBe(before);
    expect((await system.client.queues.resume('generate')).paused).toBeNull();
    expect((await system.client.generations.wait(waiting.id)).status).toBe('succeeded');
  });

  it('never resumes by a hold that ends, and ends no hold by resuming', async () => {
    const tripping = await system.client.generations.create(song('[sim:status=401,x1]'));
    await expect.poll(async () => (await generate()).holds.length, { timeout: 20_000 }).toBe(1);
    await system.client.queues.pause('generate', 'by hand');
    expect((await generate()).holds[0]).toMatchObject({ scope: 'account', model: null });
    const before = await calls();
    // The probe was due long ago, but nothing starts.
    await expect.poll(async () => Date.parse((await generate()).holds[0]!.next_probe_at) < Date.now()).toBe(true);
    expect([await calls(), (await generate()).paused?.reason]).toEqual([before, 'by hand']);
    const resumed = await system.client.queues.resume('generate');
    expect(resumed.paused).toBeNull();
    expect((await system.client.generations.wait(tripping.id)).status).toBe('succeeded');
    expect((await generate()).holds).toEqual([]);
  });

  it('needs a key with the scope operate', async () => {
    const { key } = await system.client.apiKeys.create({ name: 'small' });
    await expect(system.clientOf(0, key).queues.pause('generate')).rejects.toThrow(PermissionError);
    await expect(system.clientOf(0, key).workers.list()).rejects.toThrow(PermissionError);
  });
});
