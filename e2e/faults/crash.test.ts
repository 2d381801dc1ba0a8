import { createHash } from 'node:crypto';
import { copyFile, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { song } from '../testing/requests.ts';
import { startSystem, type TestSystem } from '../testing/system.ts';

let system: TestSystem;
afterEach(() => system.stop());

const sha = (text: string) => createHash('sha256').update(text).digest('hex');

describe('processes that die', () => {
  it('fault: a worker killed in the middle of its calls loses no song and buys none a third time', async () => {
    system = await startSystem({ workers: 2, timeScale: 0.01, redis: { appendfsync: 'always' } });
    const requests = Array.from({ length: 30 }, () => song());
    const created = await Promise.all(requests.map((request) => system.client.generations.create(request)));
    await system.sim.until((state) => state.open_calls >= 5);
    await system.workers[0]!.kill('SIGKILL');
    const settled = await Promise.all(
      created.map(({ id }) => system.client.generations.wait(id, { timeoutMs: 120_000 })),
    );
    expect(settled.map((each) => each.status)).toEqual(settled.map(() => 'succeeded'));
    const ledger = await system.sim.ledger();
    for (const [index, each] of settled.entries()) {
      const billed = ledger.by_lyrics[sha(requests[index]!.lyrics)]!.charges;
      expect(each.attempts.filter((attempt) => attempt.charge !== 'none').length).toBeGreaterThanOrEqual(billed);
      expect(billed).toBeLessThanOrEqual(2);
    }
  });

  it('fault: a worker killed again and again never buys a song again after it was stored', async () => {
    system = await startSystem({
      workers: 1,
      timeScale: 0.002,
      env: { MAX_UNKNOWN_CHARGES: '10', MAX_ATTEMPTS: '20' },
    });
    const requests = Array.from({ length: 20 }, () => song());
    const created = await Promise.all(requests.map((request) => system.client.generations.create(request)));
    for (let round = 0; round < 4; round++) {
      await system.sim.until((state) => state.open_calls > 0 || round > 0);
      await system.workers.at(-1)!.kill('SIGKILL');
      await system.startWorker();
    }
    const settled = await Promise.all(
      created.map(({ id }) => system.client.generations.wait(id, { timeoutMs: 120_000 })),
    );
    expect(settled.map((each) => each.status)).toEqual(settled.map(() => 'succeeded'));
    for (const each of settled) {
      expect(each.attempts.filter((attempt) => attempt.outcome === 'succeeded')).toHaveLength(1);
      expect(each.attempts.at(-1)!.outcome).toBe('succeeded');
    }
  });

  it('fault: an API killed under load has lost nothing that it accepted, and a replay of its key makes no second song', async () => {
    system = await startSystem({ apis: 2, redis: { appendfsync: 'always' } });
    const first = system.clientOf(0);
    const posts = Array.from({ length: 60 }, (_, index) => ({ request: song(), key: `kill-${index}` }));
    const sent = posts.map(({ request, key }) =>
      first.generations.create(request, { idempotencyKey: key }).then(
        (g) => g.id,
        () => null,
      ),
    );
    await Promise.race(sent);
    await system.apis[0]!.kill('SIGKILL');
    const ids = await Promise.all(sent);
    const second = system.clientOf(1);
    const replayed = await Promise.all(
      posts.map(({ request, key }) => second.generations.create(request, { idempotencyKey: key })),
    );
    for (const [index, id] of ids.entries()) if (id !== null) expect(replayed[index]!.id).toBe(id);
    const settled = await Promise.all(replayed.map(({ id }) => second.generations.wait(id, { timeoutMs: 120_000 })));
    expect(settled.map((each) => each.status)).toEqual(settled.map(() => 'succeeded'));
    expect((await system.sim.ledger()).charges).toBe(60);
  });

  it('fault: a worker killed between storing a song and committing it does not make the next one buy it again', async () => {
    system = await startSystem();
    const bought = await system.client.generations.generate(song());
    const stored = await readdir(join(system.data, 'songs'), { recursive: true });
    const audio = stored.find((file) => file.includes(bought.id) && file.endsWith('.mp3'))!;
    await system.workers[0]!.stop();
    const waiting = await system.client.generations.create(song());
    // What the dead worker left: the song under its name, and no result.json.
    const left = audio.replaceAll(bought.id, waiting.id).replace(/[^/]*\/gen_/, `${waiting.id.slice(-2)}/gen_`);
    await mkdir(dirname(join(system.data, 'songs', left)), { recursive: true });
    await copyFile(join(system.data, 'songs', audio), join(system.data, 'songs', left));
    await system.startWorker();
    const settled = await system.client.generations.wait(waiting.id, { timeoutMs: 60_000 });
    expect(settled).toMatchObject({ status: 'succeeded', result: { sha256: bought.result!.sha256 } });
    expect((await system.sim.ledger()).charges).toBe(1);
  });

  it('fault: a paid song that could not be stored survives the death of its worker, and is not bought again', async () => {
    system = await startSystem();
    const songs = join(system.data, 'songs');
    const created = await system.client.generations.create(song('[sim:latency=1500]'));
    await system.sim.until((state) => state.open_calls === 1);
    await rename(songs, `${songs}-away`);
    await writeFile(songs, 'not a folder');
    const answered = await until(
      () => system.client.generations.retrieve(created.id),
      (each) => each.attempts[0]?.charge === 'charged',
    );
    expect(answered.status).toBe('processing');
    await system.workers[0]!.kill('SIGKILL');
    await rm(songs);
    await rename(`${songs}-away`, songs);
    await system.startWorker();
    const settled = await system.client.generations.wait(created.id, { timeoutMs: 60_000 });
    expect(settled).toMatchObject({ status: 'succeeded', attempts_total: 1 });
    expect((await system.sim.ledger()).charges).toBe(1);
  });

  it('fault: a worker that is told to stop finishes the calls it pays for and exits 0', async () => {
    system = await startSystem({ timeScale: 0.02 });
    const created = await Promise.all(Array.from({ length: 5 }, () => system.client.generations.create(song())));
    await system.sim.until((state) => state.open_calls === 5);
    expect((await system.workers[0]!.stop()).code).toBe(0);
    const settled = await Promise.all(created.map(({ id }) => system.client.generations.retrieve(id)));
    expect(settled.map((each) => each.status)).toEqual(settled.map(() => 'succeeded'));
  });
});

async function until<T>(read: () => PromiseLike<T>, good: (value: T) => boolean): Promise<T> {
  for (;;) {
    const value = await read();
    if (good(value)) return value;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
