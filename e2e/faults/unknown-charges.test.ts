import { createHash } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { song } from '../testing/requests.ts';
import { startSystem, type TestSystem } from '../testing/system.ts';

let system: TestSystem;
afterEach(() => system.stop());

const callsFor = async (request: { lyrics: string }) =>
  (await system.sim.ledger()).by_lyrics[createHash('sha256').update(request.lyrics).digest('hex')]?.calls ?? 0;

/** Waits through an API that cannot reach its Redis. */
async function settled(id: string) {
  for (;;) {
    try {
      return await system.client.generations.wait(id, { timeoutMs: 120_000 });
    } catch (error) {
      if ((error as { status?: number }).status !== 503) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

describe('with ON_UNKNOWN_CHARGE=hold', () => {
  it('fault: no call that may have been billed is repeated without a human, whatever breaks', async () => {
    system = await startSystem({
      workers: 2,
      timeScale: 0.02,
      redis: { appendfsync: 'always' },
      env: { ON_UNKNOWN_CHARGE: 'hold', UPSTREAM_TIMEOUT_MS: '3000' },
    });
    const ambiguous = ['[sim:lost,x1]', '[sim:hang,x1]', '[sim:503,x1]', '[sim:close,x1]', '[sim:object,x1]'];
    const requests = [...ambiguous, ...Array.from({ length: 20 }, () => '')].map((words) => song(words));
    const created = await Promise.all(requests.map((request) => system.client.generations.create(request)));
    await system.sim.until(({ open_calls }) => open_calls >= 5);
    await system.workers.shift()!.kill('SIGKILL');
    await system.sim.until(({ open_calls }) => open_calls >= 2);
    await system.redis.kill('SIGKILL');
    await system.redis.restart();
    await system.startWorker();
    const ends = await Promise.all(created.map(({ id }) => settled(id)));
    for (const [n, each] of ends.entries()) {
      expect(['succeeded', 'needs_review']).toContain(each.status);
      expect(await callsFor(requests[n]!)).toBeLessThanOrEqual(1);
    }
    const asked = ends.filter(({ status }) => status === 'needs_review');
    expect(asked.length).toBeGreaterThanOrEqual(ambiguous.length);
    for (const each of asked) expect(each).toMatchObject({ error: { code: 'unknown_charge' } });
    // The human's word, and only that, buys a second time.
    for (const { id } of asked) await system.client.generations.resolve(id, { charged: true, action: 'retry' });
    const resolved = await Promise.all(asked.map(({ id }) => settled(id)));
    expect(resolved.map(({ status, run }) => [status, run])).toEqual(resolved.map(() => ['succeeded', 2]));
    for (const request of requests) expect(await callsFor(request)).toBeLessThanOrEqual(2);
  });
});

describe('what is said of an unknown charge', () => {
  it('fault: is what went wrong where the run fails, and that a human is asked where it needs review', async () => {
    system = await startSystem({ env: { UPSTREAM_TIMEOUT_MS: '1000', MAX_UNKNOWN_CHARGES: '1' } });
    const failed = await system.client.generations.generate(song('[sim:hang]', { on_unknown_charge: 'fail' }));
    expect(failed).toMatchObject({ status: 'failed', error: { code: 'upstream_timeout' }, attempts_total: 1 });
    const asked = await system.client.generations.generate(song('[sim:hang]'));
    expect(asked).toMatchObject({ status: 'needs_review', error: { code: 'unknown_charge' }, attempts_total: 1 });
    const answered = await system.client.generations.resolve(asked.id, { charged: false, action: 'fail' });
    expect(answered).toMatchObject({
      status: 'failed',
      error: { code: 'upstream_timeout' },
      attempts: [{ outcome: 'unknown', charge: 'none' }],
    });
  });
});
