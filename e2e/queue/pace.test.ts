import { afterEach, describe, expect, it } from 'vitest';
import { song } from '../testing/requests.ts';
import { startSystem, type TestSystem } from '../testing/system.ts';

let system: TestSystem;
afterEach(() => system.stop());

describe('an upstream that allows less than we ask of it', () => {
  it('fault: refuses few calls, because starts come back slowly after each refusal', async () => {
    const SONGS = 60;
    system = await startSystem({
      workers: 2,
      env: { UPSTREAM_RATE_PER_MINUTE: '1200', UPSTREAM_MAX_CONCURRENCY: '10' },
    });
    // Five a second, where the settings say twenty.
    await system.sim.config({ rate_per_minute: 5, rate_window_ms: 1000 });
    const created = await Promise.all(Array.from({ length: SONGS }, () => system.client.generations.create(song())));
    const settled = await Promise.all(
      created.map(({ id }) => system.client.generations.wait(id, { timeoutMs: 150_000 })),
    );
    expect(settled.map((each) => each.status)).toEqual(settled.map(() => 'succeeded'));
    const refused = settled.flatMap((each) => each.attempts).filter((each) => each.outcome === 'rate_limited');
    console.log(`${refused.length} of ${SONGS + refused.length} calls were refused`);
    expect(refused.length).toBeGreaterThan(0);
    expect(refused.length).toBeLessThan(SONGS / 4);
    expect((await system.sim.ledger()).charges).toBe(SONGS);
  });

  it('fault: and says "now" each time is not asked in a tight loop; the record accounts for each of 56 calls', async () => {
    system = await startSystem({ workers: 2, env: { RETRY_BASE_MS: '5' } });
    const request = song('[sim:code=1002,status=429,retry_after=0,x55]');
    const startedAt = performance.now();
    const settled = await system.client.generations.generate(request, { timeoutMs: 150_000 });
    expect(settled).toMatchObject({ status: 'succeeded', attempts_total: 56 });
    expect(settled.attempts.map(({ number }) => number)).toEqual(Array.from({ length: 50 }, (_, n) => n + 7));
    expect(await system.sim.requests()).toHaveLength(56);
    // The pace falls to one start in 30 × RETRY_BASE_MS, from the sixth refusal on.
    expect(performance.now() - startedAt).toBeGreaterThan(48 * 150);
  });
});
