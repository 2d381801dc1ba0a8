import { afterEach, describe, expect, it } from 'vitest';
import { song } from '../testing/requests.ts';
import { startSystem, type TestSystem } from '../testing/system.ts';

let system: TestSystem;
afterEach(() => system.stop());

describe('parts that are not there', () => {
  it('fault: API and worker start without Redis, say so, and work once it comes', async () => {
    system = await startSystem({ apis: 0, workers: 0 });
    await system.redis.kill('SIGKILL');
    const api = await system.startApi();
    const starting = system.startWorker();
    expect((await fetch(`${api.url}/livez`)).status).toBe(200);
    expect((await fetch(`${api.url}/readyz`)).status).toBe(503);
    const client = system.clientOf(0);
    await expect(client.generations.create(song())).rejects.toMatchObject({ status: 503, code: 'queue_unavailable' });
    await system.redis.restart();
    await starting;
    const made = await until(() => client.generations.create(song()).catch(() => null));
    expect((await client.generations.wait(made.id, { timeoutMs: 60_000 })).status).toBe('succeeded');
  });

  it('fault: while the upstream is down songs wait in order, nothing is counted, and they go on when it is back', async () => {
    system = await startSystem({ env: { UPSTREAM_MAX_CONCURRENCY: '1' } });
    await system.simulator.kill('SIGKILL');
    const created = [];
    for (let i = 0; i < 4; i++) created.push(await system.client.generations.create(song()));
    const first = created[0]!;
    const waiting = await until(async () => {
      const each = await system.client.generations.retrieve(first.id);
      return each.attempts_total > 1 ? each : null;
    });
    expect(waiting.attempts[0]).toMatchObject({ outcome: 'retryable', charge: 'none' });
    await system.restartSimulator();
    const settled = await Promise.all(
      created.map(({ id }) => system.client.generations.wait(id, { timeoutMs: 60_000 })),
    );
    expect(settled.map((each) => each.status)).toEqual(settled.map(() => 'succeeded'));
    const order = settled.map((each) => each.finished_at!);
    expect(order).toEqual(order.toSorted());
    expect((await system.sim.ledger()).charges).toBe(4);
  });
});

async function until<T>(read: () => Promise<T | null>): Promise<T> {
  for (;;) {
    const value = await read();
    if (value !== null) return value;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
