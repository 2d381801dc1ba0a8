import type { Generation } from '@songmill/shared/contract/generation';
import { afterEach, describe, expect, it } from 'vitest';
import { song } from '../testing/requests.ts';
import { startSystem, type TestSystem } from '../testing/system.ts';

/** Songs of the test of estimates: 300 is the size that the promise names, 36 keeps the suite short. */
const SONGS = Number(process.env['SONGMILL_ESTIMATE_SONGS'] ?? 36);

let system: TestSystem;
afterEach(() => system.stop());

const settle = (ids: readonly string[]) =>
  Promise.all(ids.map((id) => system.client.generations.wait(id, { timeoutMs: 600_000 })));
const read = (id: string) => system.client.generations.retrieve(id);
/** Reads until something is seen; the test's own time limit ends it otherwise. */
async function until<T>(look: () => Promise<T | null>): Promise<T> {
  for (;;) {
    const seen = await look();
    if (seen !== null) return seen;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}
const startOf = (each: Generation) => Date.parse(each.attempts.at(-1)!.started_at);
const median = (numbers: readonly number[]) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)]!;

describe('what the queue says of itself', () => {
  it('is when a song starts, within a fifth in the median, over two projects and a pause that the upstream asked for', async () => {
    system = await startSystem({ timeScale: 0.02, env: { UPSTREAM_MAX_CONCURRENCY: '3' } });
    // As long as songs were seen to take; few of them make the mean, so a long tail would make the test a lottery.
    await system.sim.config({ latency: { median_ms: 45_000, p99_ms: 60_000 } });
    const { key } = await system.client.apiKeys.create({ name: 'other', project: 'other', scopes: ['generate'] });
    const clients = [system.client, system.clientOf(0, key)];
    await settle(
      (await Promise.all(Array.from({ length: 6 }, () => system.client.generations.create(song())))).map(
        ({ id }) => id,
      ),
    );
    await system.sim.faults(['code=1002,status=429,retry_after=2']);
    const ids: { id: string; by: number }[] = [];
    for (let n = 0; n < SONGS; n++) ids.push({ id: (await clients[n % 2]!.generations.create(song())).id, by: n % 2 });
    await until(async () =>
      (await clients[1]!.generations.retrieve(ids.at(-1)!.id)).queue?.blocked_by === 'rate_limit' ? true : null,
    );
    const guesses = new Map<string, { readAt: number; startsAt: number }>();
    for (const { id, by } of ids) {
      const readAt = Date.now();
      const { queue } = await clients[by]!.generations.retrieve(id);
      if (queue?.eta_seconds != null) guesses.set(id, { readAt, startsAt: readAt + queue.eta_seconds * 1000 });
    }
    expect(guesses.size).toBeGreaterThan(SONGS / 2);
    const settled = await settle(ids.map(({ id }) => id));
    const errors = settled.flatMap((each) => {
      const guess = guesses.get(each.id);
      return guess ? [Math.abs(guess.startsAt - startOf(each)) / Math.max(startOf(each) - guess.readAt, 1)] : [];
    });
    console.log(`start estimates of ${errors.length} songs: median error ${(median(errors) * 100).toFixed(1)} %`);
    expect(median(errors)).toBeLessThanOrEqual(0.2);
  });

  it('fifty of fifty-one songs are canceled at one start a second, and the last one starts next', async () => {
    system = await startSystem({ env: { UPSTREAM_RATE_PER_MINUTE: '60' } });
    const many = await Promise.all(Array.from({ length: 50 }, () => system.client.generations.create(song())));
    const last = await system.client.generations.create(song());
    await Promise.allSettled(many.map(({ id }) => system.client.generations.cancel(id)));
    const canceledAt = Date.now();
    const [made] = await settle([last.id]);
    expect(made!.status).toBe('succeeded');
    expect(startOf(made!) - canceledAt).toBeLessThan(2000);
  });

  it('a scheduled song starts at its time, and one that starts too late is canceled and not billed', async () => {
    system = await startSystem({ env: { UPSTREAM_MAX_CONCURRENCY: '1' } });
    const runAt = Date.now() + 1500;
    const scheduled = await system.client.generations.create(song('', { run_at: new Date(runAt).toISOString() }));
    expect(scheduled).toMatchObject({ status: 'scheduled', run_at: new Date(runAt).toISOString() });
    expect((await read(scheduled.id)).queue).toMatchObject({ blocked_by: 'schedule', blocked_until: scheduled.run_at });
    const [made] = await settle([scheduled.id]);
    expect(made!.status).toBe('succeeded');
    expect(startOf(made!)).toBeGreaterThanOrEqual(runAt);
    expect(startOf(made!)).toBeLessThan(runAt + 2000);

    await system.sim.faults(['code=1002,status=429,retry_after=2']);
    const blocking = await system.client.generations.create(song());
    await until(async () => ((await read(blocking.id)).queue?.blocked_by === 'rate_limit' ? true : null));
    const startBy = new Date(Date.now() + 800).toISOString();
    const late = song('', { start_by: startBy });
    const { id } = await system.client.generations.create(late);
    const [expired] = await settle([id]);
    expect(expired).toMatchObject({
      status: 'canceled',
      attempts_total: 0,
      start_by: startBy,
      error: { code: 'expired' },
    });
    expect((await system.sim.ledger()).by_lyrics[late.lyrics]).toBeUndefined();
    await expect(system.client.generations.create(song('', { start_by: startBy }))).rejects.toMatchObject({
      status: 422,
    });
    await settle([blocking.id]);
  });

  it('fault: when the upstream is out of reach two workers share one breaker: one probe at a time, later each time', async () => {
    const firstMs = 300;
    system = await startSystem({ workers: 2, env: { RETRY_BASE_MS: String(firstMs), RETRY_MAX_MS: '60000' } });
    await system.simulator.kill('SIGKILL');
    const created = await Promise.all(Array.from({ length: 12 }, () => system.client.generations.create(song())));
    const all = () => Promise.all(created.map(({ id }) => read(id)));
    const attempts = (each: readonly Generation[]) =>
      each.flatMap((one) => one.attempts).sort((a, b) => (a.started_at < b.started_at ? -1 : 1));
    await until(async () => {
      const seen = await all();
      return seen.every((each) => each.queue?.blocked_by === 'upstream') && attempts(seen).length >= 5 ? seen : null;
    });
    const openAt = Date.now();
    const before = attempts(await all()).length;
    await new Promise((resolve) => setTimeout(resolve, 7 * firstMs));
    const seen = await all();
    const probes = attempts(seen)
      .slice(before)
      .filter((each) => Date.parse(each.started_at) > openAt);
    // Twice as late each time: 300, 600, 1200 ms. Without the breaker each of them would have been tried many times.
    expect(probes.length).toBeLessThanOrEqual(4);
    expect(seen.map((each) => [each.status, each.error])).toEqual(seen.map(() => ['queued', null]));
    await system.restartSimulator();
    const settled = await settle(created.map(({ id }) => id));
    expect(settled.map((each) => each.status)).toEqual(settled.map(() => 'succeeded'));
    expect((await system.sim.ledger()).charges).toBe(12);
    expect(
      attempts(settled)
        .filter((each) => each.outcome !== 'succeeded')
        .every((each) => each.charge === 'none'),
    ).toBe(true);
  });
});
