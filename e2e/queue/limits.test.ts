import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { song } from '../testing/requests.ts';
import { startSystem, type TestSystem } from '../testing/system.ts';

let system: TestSystem;
afterEach(() => system.stop());

interface Line {
  readonly at: string;
  readonly event: string;
  readonly lyrics: string;
  readonly code?: number;
}

/** When the upstream accepted each call, in order; Unix milliseconds. */
function starts(): { atMs: number; lyrics: string }[] {
  return readFileSync(join(system.data, 'ledger.jsonl'), 'utf8')
    .split('\n')
    .filter((line) => line.endsWith('}'))
    .map((line) => JSON.parse(line) as Line)
    .filter((line) => line.event === 'call')
    .map((line) => ({ atMs: Date.parse(line.at), lyrics: line.lyrics }));
}

const settle = (ids: readonly string[]) =>
  Promise.all(ids.map((id) => system.client.generations.wait(id, { timeoutMs: 120_000 })));

describe('limits over all workers', () => {
  it('starts are spaced evenly, not sent in a burst at the start of a minute', async () => {
    system = await startSystem({ workers: 2, env: { UPSTREAM_RATE_PER_MINUTE: '300' } });
    const created = await Promise.all(Array.from({ length: 15 }, () => system.client.generations.create(song())));
    await settle(created.map(({ id }) => id));
    const at = starts().map((each) => each.atMs);
    expect(at).toHaveLength(15);
    // 300 a minute are 200 ms apart. Any six starts span five gaps; a burst would take no time at all.
    for (let i = 5; i < at.length; i++) expect(at[i]! - at[i - 5]!).toBeGreaterThan(700);
  });

  it('a canceled song uses no start, so the one behind it does not wait for it', async () => {
    system = await startSystem({ workers: 1, env: { UPSTREAM_RATE_PER_MINUTE: '240' } });
    const first = await system.client.generations.create(song());
    await settle([first.id]);
    const waiting = await Promise.all(Array.from({ length: 20 }, () => system.client.generations.create(song())));
    const last = await system.client.generations.create(song('the last one'));
    const canceled = await Promise.allSettled(waiting.map(({ id }) => system.client.generations.cancel(id)));
    expect(canceled.filter(({ status }) => status === 'fulfilled').length).toBeGreaterThan(15);
    const settled = await system.client.generations.wait(last.id, { timeoutMs: 60_000 });
    expect(settled.status).toBe('succeeded');
    const ahead = starts().findIndex((each) => each.lyrics.startsWith('the last one'));
    expect(ahead).toBeLessThan(8);
  });

  it('one refusal stops every worker until the time that the upstream named, and nothing fails', async () => {
    system = await startSystem({ workers: 2, env: { UPSTREAM_MAX_CONCURRENCY: '2' } });
    await system.sim.faults(['code=1002,status=429,retry_after=2']);
    const created = await Promise.all(Array.from({ length: 6 }, () => system.client.generations.create(song())));
    const settled = await settle(created.map(({ id }) => id));
    expect(settled.map((each) => each.status)).toEqual(settled.map(() => 'succeeded'));
    const refused = settled.flatMap((each) => each.attempts).filter((each) => each.outcome === 'rate_limited');
    expect(refused).toHaveLength(1);
    const refusedAt = Date.parse(refused[0]!.finished_at!);
    const during = starts().filter((each) => each.atMs > refusedAt + 300 && each.atMs < refusedAt + 1800);
    expect(during).toEqual([]);
  });

  it('an interactive song passes a backlog of bulk ones', async () => {
    system = await startSystem({ workers: 1, timeScale: 0.005, env: { UPSTREAM_MAX_CONCURRENCY: '2' } });
    const bulk = await Promise.all(
      Array.from({ length: 60 }, () => system.client.generations.create(song('', { priority: 'bulk' }))),
    );
    await system.sim.until((state) => state.open_calls === 2);
    const interactive = await system.client.generations.create(song('interactive', { priority: 'interactive' }));
    await settle([interactive.id]);
    const rank = starts().findIndex((each) => each.lyrics.startsWith('interactive'));
    expect(rank).toBeLessThan(20);
    await settle(bulk.map(({ id }) => id));
  });

  it('a waiting song says its place in line, and why it does not move when nobody works', async () => {
    system = await startSystem({ workers: 0 });
    const created = [];
    for (let i = 0; i < 30; i++) created.push(await system.client.generations.create(song()));
    const positions = await Promise.all(
      created.map(async ({ id }) => (await system.client.generations.retrieve(id)).queue),
    );
    expect(positions.map((queue) => queue?.position)).toEqual(created.map((_, index) => index + 1));
    expect(positions[0]?.blocked_by).toBe('no_worker');
  });
});
