import { mkdir, readdir, readFile, rename, truncate, writeFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { giveOrder, ORDERS_FILE } from '../chaos/crash-orders.ts';
import type { CrashPoint } from '../chaos/types.ts';
import { song } from '../testing/requests.ts';
import { startSystem, type SystemOptions, type TestSystem } from '../testing/system.ts';

let system: TestSystem;
afterEach(() => system.stop());

/** Far longer than a test may take: whatever has to wait for it fails. */
const LONG_LEASE = { WORKER_LEASE_MS: '600000' };

/** A system whose first worker obeys orders; the others are as shipped. */
async function startOrdered(options: SystemOptions = {}) {
  system = await startSystem({ ...options, workers: 0 });
  const orders = join(system.data, 'orders.json');
  const worker = await system.startWorker({ [ORDERS_FILE]: orders }, 'e2e/chaos/worker-with-crash-points.ts');
  for (let i = 1; i < (options.workers ?? 1); i++) await system.startWorker();
  return {
    worker,
    /** What the worker is to do at its next passing of a point; resolves when it was done. */
    order: (point: CrashPoint, how: 'kill' | 'throw', times = 1) =>
      giveOrder(orders, { point, how, times }, worker.exited).fired,
  };
}
const generate = (id: string) => system.client.generations.wait(id, { timeoutMs: 120_000 });
const spoolFolders = async () => (await readdir(join(system.data, 'spool'))).filter((name) => name.startsWith('wrk_'));

describe('a worker that dies with an answer in its hands', () => {
  it.each(['answered', 'stored', 'committed', 'published'] as const)(
    'fault: killed when it has %s, nothing is bought again and nobody waits for its lease',
    async (point) => {
      const { worker, order } = await startOrdered({ env: LONG_LEASE });
      const killed = order(point, 'kill');
      const { id } = await system.client.generations.create(song());
      expect(await killed).toBe(id);
      await worker.exited;
      await system.startWorker();
      const settled = await generate(id);
      expect(settled).toMatchObject({ status: 'succeeded', attempts_total: 1 });
      expect(settled.attempts).toMatchObject([
        { outcome: 'succeeded', charge: 'charged', upstream: { http_status: 200 } },
      ]);
      expect((await system.sim.ledger()).charges).toBe(1);
      await until(spoolFolders, (folders) => folders.length === 1);
    },
  );

  it('fault: an answer that is found after another call was made for the song becomes its spare', async () => {
    const { worker, order } = await startOrdered({ workers: 2 });
    await system.workers[1]!.stop();
    const killed = order('answered', 'kill');
    const { id } = await system.client.generations.create(song());
    await killed;
    await worker.exited;
    const [folder] = await spoolFolders();
    await rename(join(system.data, 'spool', folder!), join(system.data, folder!));
    await system.startWorker();
    expect(await generate(id)).toMatchObject({
      status: 'succeeded',
      attempts: [{ charge: 'unknown' }, { charge: 'charged' }],
    });
    await rename(join(system.data, folder!), join(system.data, 'spool', folder!));
    const known = await until(
      () => system.client.generations.retrieve(id),
      (each) => each.attempts[0]!.charge === 'charged',
    );
    expect(known).toMatchObject({
      status: 'succeeded',
      attempts: [{ outcome: 'succeeded' }, { outcome: 'succeeded' }],
    });
    expect((await system.sim.ledger()).charges).toBe(2);
  });

  it('fault: while the first of several answers waits for storage, none of the others is bought again', async () => {
    // So long a pause that the queue goes on long before adoption does.
    const env = { RETRY_BASE_MS: '20000', RETRY_MAX_MS: '20000' };
    const { worker, order } = await startOrdered({ workers: 2, env });
    await system.workers[1]!.stop();
    void order('answered', 'throw', 1000);
    const ids = await Promise.all(
      ['a', 'b', 'c'].map(async (name) => (await system.client.generations.create(song(name))).id),
    );
    const [folder] = await spoolFolders();
    const journal = join(system.data, 'spool', folder!, 'journal.jsonl');
    const answered = async () => {
      const lines = (await readFile(journal, 'utf8')).split('\n').filter((line) => line.includes('"answered"'));
      return new Set(lines.map((line) => (JSON.parse(line) as { token: string }).token)).size;
    };
    await until(answered, (count) => count === 3);
    await system.startWorker();
    const songs = join(system.data, 'songs');
    await rename(songs, `${songs}-away`);
    await writeFile(songs, 'not a folder');
    await worker.kill('SIGKILL');
    // Longer than the lease: from now on every claim may take the calls for dead.
    await new Promise((resolve) => setTimeout(resolve, 2 * Number(system.env['WORKER_LEASE_MS'])));
    await rm(songs);
    await rename(`${songs}-away`, songs);
    for (const id of ids) {
      expect(await generate(id)).toMatchObject({ status: 'succeeded', attempts: [{ charge: 'charged' }] });
    }
    expect(await system.sim.ledger()).toMatchObject({ calls: 3, charges: 3 });
  });

  it('fault: one that waited for storage and is not whole any more is judged like any paid call without a song', async () => {
    system = await startSystem({ env: LONG_LEASE });
    const songs = join(system.data, 'songs');
    const { id } = await system.client.generations.create(song('[sim:latency=1500]'));
    await system.sim.until((state) => state.open_calls === 1);
    await rename(songs, `${songs}-away`);
    await writeFile(songs, 'not a folder');
    await until(
      () => system.client.generations.retrieve(id),
      (each) => each.attempts[0]?.charge === 'charged',
    );
    await system.workers[0]!.kill('SIGKILL');
    const folder = join(system.data, 'spool', (await spoolFolders())[0]!);
    const spooled = (await readdir(folder)).filter((name) => name.endsWith('.part'));
    expect(spooled).toHaveLength(1);
    await truncate(join(folder, spooled[0]!), 1);
    await rm(songs);
    await rename(`${songs}-away`, songs);
    await system.startWorker();
    expect(await generate(id)).toMatchObject({
      status: 'succeeded',
      attempts: [
        { outcome: 'retryable', charge: 'charged' },
        { outcome: 'succeeded', charge: 'charged' },
      ],
    });
    expect((await system.sim.ledger()).charges).toBe(2);
  });
});

describe('a worker that dies in its call', () => {
  it('fault: is known to be dead at once on its own machine, however long its lease is', async () => {
    system = await startSystem({ workers: 2, env: LONG_LEASE });
    const created = await system.client.generations.create(song('[sim:latency=1500]'));
    await system.sim.until((state) => state.open_calls === 1);
    const busy = await until(
      () => system.client.generations.retrieve(created.id),
      (each) => each.attempts.length === 1,
    );
    const dead = system.workers.find((each) => each.output().includes(busy.attempts[0]!.worker))!;
    await dead.kill('SIGKILL');
    const settled = await generate(created.id);
    expect(settled).toMatchObject({ status: 'succeeded', attempts: [{ charge: 'unknown' }, { charge: 'charged' }] });
    expect((await system.sim.ledger()).calls).toBe(2);
  });

  it('fault: is alive while it is paused: nobody touches its folder, and what it bought becomes a spare', async () => {
    system = await startSystem({ workers: 2 });
    const created = await system.client.generations.create(song('[sim:latency=1500]'));
    await system.sim.until((state) => state.open_calls === 1);
    const busy = await until(
      () => system.client.generations.retrieve(created.id),
      (each) => each.attempts.length === 1,
    );
    const name = busy.attempts[0]!.worker;
    const paused = system.workers.find((each) => each.output().includes(name))!;
    await paused.kill('SIGSTOP');
    expect(await generate(created.id)).toMatchObject({
      status: 'succeeded',
      attempts: [{ charge: 'unknown' }, { charge: 'charged' }],
    });
    expect(await spoolFolders()).toContain(name);
    await paused.kill('SIGCONT');
    const known = await until(
      () => system.client.generations.retrieve(created.id),
      (each) => each.attempts[0]!.charge === 'charged',
    );
    expect(known).toMatchObject({ status: 'succeeded', attempts_total: 2 });
    expect(await spoolFolders()).toContain(name);
    expect((await system.sim.ledger()).charges).toBe(2);
  });
});

describe('a run that throws', () => {
  it.each(['claimed', 'intent-written', 'answered', 'stored', 'committed', 'published', 'settled'] as const)(
    'fault: decides nothing when it has %s: the song is made by one call',
    async (point) => {
      const { order } = await startOrdered({ env: LONG_LEASE });
      const thrown = order(point, 'throw');
      const { id } = await system.client.generations.create(song());
      expect(await generate(id)).toMatchObject({ status: 'succeeded' });
      expect(await thrown).toBe(id);
      expect(await system.sim.ledger()).toMatchObject({ calls: 1, charges: 1 });
    },
  );
});

describe('a storage that is damaged', () => {
  it('fault: a commit that cannot be read fails its generation with the reason, without a call and without end', async () => {
    system = await startSystem({ workers: 0 });
    const { id } = await system.client.generations.create(song());
    const folder = join(system.data, 'songs', id.slice(-2), id);
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'result.json'), 'not a commit');
    await system.startWorker();
    expect(await generate(id)).toMatchObject({
      status: 'failed',
      error: { code: 'storage_failed' },
      attempts_total: 1,
    });
    expect((await system.sim.ledger()).calls).toBe(0);
    await rm(join(folder, 'result.json'));
    await system.client.generations.retry(id);
    expect(await generate(id)).toMatchObject({ status: 'succeeded' });
    expect((await system.sim.ledger()).charges).toBe(1);
  });
});

describe('a spool that goes away', () => {
  it('fault: an answer that it does not take is on record as paid, and nothing more is bought until it is back', async () => {
    system = await startSystem();
    const spool = join(system.data, 'spool');
    const created = await system.client.generations.create(song('[sim:latency=1500]'));
    await system.sim.until((state) => state.open_calls === 1);
    await rename(spool, `${spool}-away`);
    await writeFile(spool, 'not a folder');
    const waiting = await until(
      () => system.client.generations.retrieve(created.id),
      (each) => each.queue?.blocked_by === 'storage',
    );
    expect(waiting.attempts).toMatchObject([{ outcome: 'retryable', charge: 'charged' }]);
    expect((await system.sim.ledger()).charges).toBe(1);
    await rm(spool);
    await rename(`${spool}-away`, spool);
    expect(await generate(created.id)).toMatchObject({ status: 'succeeded', attempts_total: 2 });
    expect((await system.sim.ledger()).charges).toBe(2);
  });
});

async function until<T>(read: () => PromiseLike<T>, good: (value: T) => boolean): Promise<T> {
  for (;;) {
    const value = await read();
    if (good(value)) return value;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
