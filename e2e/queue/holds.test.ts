import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { song } from '../testing/requests.ts';
import { startSystem, type TestSystem } from '../testing/system.ts';

let system: TestSystem;
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sgm-key-'));
});
afterEach(async () => {
  await system.stop();
  await rm(folder, { recursive: true, force: true });
});

const generate = async () => (await system.client.queues.list()).data[0]!;

/** The events of the account, in order. */
async function accountEvents(): Promise<string[]> {
  const redis = new Redis(system.redis.url);
  const entries = await redis.xrange('{songmill}:events', '-', '+');
  redis.disconnect();
  return entries.map(([, fields]) => fields[1]!).filter((kind) => kind.startsWith('account.'));
}

describe('a refused account', () => {
  it.each(['at the next probe', 'at once on SIGHUP', 'at once when an operator resumes'])(
    'fault: fails nothing over three workers, tells it once, and goes on with a new key in the file, %s',
    async (when) => {
      const file = join(folder, 'key');
      await writeFile(file, 'old-key');
      const probeMs = when === 'at the next probe' ? 300 : 3_600_000;
      system = await startSystem({ workers: 0 });
      await system.sim.config({ keys: { 'old-key': { err: -10002 } } });
      const env = { UPSTREAM_API_KEY: '', UPSTREAM_API_KEY_FILE: file, ACCOUNT_PROBE_MS: String(probeMs) };
      for (let n = 0; n < 3; n++) await system.startWorker(env);
      const created = await Promise.all(Array.from({ length: 12 }, () => system.client.generations.create(song())));
      await expect.poll(async () => (await generate()).holds.length, { timeout: 20_000 }).toBe(1);
      expect((await generate()).holds[0]).toMatchObject({
        scope: 'account',
        reason: expect.stringContaining('-10002'),
      });
      await expect
        .poll(async () => (await system.client.generations.retrieve(created.at(-1)!.id)).queue?.blocked_by)
        .toBe('account');
      await writeFile(file, 'new-key');
      if (when === 'at once on SIGHUP') for (const worker of system.workers) process.kill(worker.pid, 'SIGHUP');
      if (when === 'at once when an operator resumes') await system.client.queues.resume('generate');
      const settled = await Promise.all(
        created.map(({ id }) => system.client.generations.wait(id, { timeoutMs: 120_000 })),
      );
      expect(settled.map((each) => each.status)).toEqual(settled.map(() => 'succeeded'));
      expect((await generate()).holds).toEqual([]);
      expect(await accountEvents()).toEqual(['account.held', 'account.resumed']);
      const attempts = settled.flatMap((each) => each.attempts);
      expect(attempts.filter(({ charge }) => charge !== 'none')).toHaveLength(12);
      expect((await system.sim.ledger()).charges).toBe(12);
    },
  );
});

describe('a refused model', () => {
  it('fault: parks its songs, and one probe after a resume lets all of them go on, an hour before its time', async () => {
    system = await startSystem({ env: { ACCOUNT_PROBE_MS: '3600000' } });
    await system.sim.config({ models: ['music-2.0'] });
    const created = await Promise.all(Array.from({ length: 4 }, () => system.client.generations.create(song())));
    await expect.poll(async () => (await generate()).holds.length, { timeout: 20_000 }).toBe(1);
    expect((await generate()).holds[0]).toMatchObject({ scope: 'model', model: 'music-01' });
    const redis = new Redis(system.redis.url);
    await expect.poll(() => redis.zcard('{songmill}:parked'), { timeout: 20_000 }).toBe(4);
    redis.disconnect();
    await system.sim.config({ models: ['music-01'] });
    await system.client.queues.resume('generate');
    const settled = await Promise.all(
      created.map((each) => system.client.generations.wait(each.id, { timeoutMs: 60_000 })),
    );
    expect(settled.map((each) => each.status)).toEqual(settled.map(() => 'succeeded'));
    expect((await system.sim.ledger()).charges).toBe(4);
  });
});
