import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { NotFoundError } from '@songmill/client/errors';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { song } from '../testing/requests.ts';
import { startSystem, type TestSystem } from '../testing/system.ts';

const DAY_MS = 86_400_000;
const ROOT = '{songmill}:';

let system: TestSystem;
let redis: Redis;
beforeAll(async () => {
  system = await startSystem();
  redis = new Redis(system.redis.socket);
});
afterAll(async () => {
  redis?.disconnect();
  await system?.stop();
});

const files = async (id: string) =>
  (await readdir(join(system.data, 'songs'), { recursive: true })).filter((path) => path.includes(id));
const isPacked = async (id: string) => (await redis.hexists(`${ROOT}g:${id}`, 'packed')) === 1;

/** Makes a settled generation older, without waiting. */
async function finishedDaysAgo(id: string, days: number): Promise<void> {
  const at = Date.now() - days * DAY_MS;
  if (!(await isPacked(id))) await redis.hset(`${ROOT}g:${id}`, 'finished_at', at);
  for (const set of ['settled', 'songs', 'records']) await redis.zadd(`${ROOT}keep:${set}`, 'XX', at, id);
}

describe('what is kept, and how long', () => {
  it('a song says when it expires, and its record is packed after an hour without a change that shows', async () => {
    const made = await system.client.generations.generate(song());
    expect(Date.parse(made.expires_at!) - Date.parse(made.finished_at!)).toBe(30 * DAY_MS);
    const before = await system.client.generations.retrieve(made.id);
    await redis.zadd(`${ROOT}keep:settled`, 'XX', Date.now() - 3_700_000, made.id);
    await expect.poll(() => isPacked(made.id), { timeout: 20_000 }).toBe(true);
    expect(await system.client.generations.retrieve(made.id)).toEqual(before);
    expect((await system.client.generations.list({ status: ['succeeded'] })).data).toContainEqual(before);
    expect((await system.client.generations.audio(made.id)).status).toBe(200);
  });

  it('the audio goes after RESULT_TTL_DAYS, the record after RECORD_TTL_DAYS', async () => {
    const { id } = await system.client.generations.generate(song());
    expect(await files(id)).not.toEqual([]);
    await finishedDaysAgo(id, 31);
    await expect(system.client.generations.audio(id)).rejects.toMatchObject({ status: 410, code: 'gone' });
    await expect.poll(() => files(id), { timeout: 20_000 }).toEqual([]);
    await expect(system.client.generations.audio(id)).rejects.toMatchObject({ status: 410, code: 'gone' });
    expect(await system.client.generations.retrieve(id)).toMatchObject({
      status: 'succeeded',
      result: { format: 'mp3' },
    });
    await finishedDaysAgo(id, 91);
    await expect
      .poll(() => system.client.generations.retrieve(id).catch((error: unknown) => error), { timeout: 20_000 })
      .toBeInstanceOf(NotFoundError);
    await expect(system.client.generations.audio(id)).rejects.toThrow(NotFoundError);
  });

  it('a canceled one is retried, and a song is deleted, although their records are packed', async () => {
    const { generations, queues } = system.client;
    await queues.pause('generate', 'so that it cannot start');
    const { id } = await generations.create(song());
    expect((await generations.cancel(id)).status).toBe('canceled');
    await queues.resume('generate');
    await finishedDaysAgo(id, 1);
    await expect.poll(() => isPacked(id), { timeout: 20_000 }).toBe(true);
    await generations.retry(id);
    expect(await generations.wait(id)).toMatchObject({ status: 'succeeded', run: 2 });

    await finishedDaysAgo(id, 1);
    await expect.poll(() => isPacked(id), { timeout: 20_000 }).toBe(true);
    await generations.delete(id);
    await expect(generations.retrieve(id)).rejects.toThrow(NotFoundError);
    await expect.poll(() => files(id), { timeout: 20_000 }).toEqual([]);
  });
});
