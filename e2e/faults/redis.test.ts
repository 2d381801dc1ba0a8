import { afterEach, describe, expect, it } from 'vitest';
import { song } from '../testing/requests.ts';
import { API_KEY, startSystem, type TestSystem } from '../testing/system.ts';

let system: TestSystem;
afterEach(() => system.stop());

const post = (body: object) =>
  fetch(`${system.apis[0]!.url}/v1/generations`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${API_KEY}` },
    body: JSON.stringify(body),
  });

describe('Redis that goes away', () => {
  it('fault: while Redis is down the API says 503 with Retry-After, and everything recovers by itself', async () => {
    system = await startSystem({ redis: { appendfsync: 'always' }, timeScale: 0.005 });
    const before = await Promise.all(Array.from({ length: 10 }, () => system.client.generations.create(song())));
    await system.redis.kill('SIGKILL');
    const refused = await post(song());
    expect(refused.status).toBe(503);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await refused.json()).toMatchObject({ code: 'queue_unavailable' });
    await system.redis.restart();
    const settled = await Promise.all(before.map(({ id }) => waitThrough(id)));
    expect(settled).toEqual(settled.map(() => 'succeeded'));
    const after = await waitThrough((await createThrough()).id);
    expect(after).toBe('succeeded');
    expect((await system.sim.ledger()).charges).toBe(11);
  });

  it('fault: Redis killed under load loses nothing that was acknowledged', async () => {
    system = await startSystem({ redis: { appendfsync: 'always' }, timeScale: 0.002 });
    const ids: string[] = [];
    let down = false;
    const load = Array.from({ length: 8 }, async () => {
      for (let i = 0; i < 15; i++) {
        const answer = await post(song());
        if (answer.status === 202) ids.push(((await answer.json()) as { id: string }).id);
        else {
          expect(answer.status).toBe(503);
          down = true;
          await new Promise((resolve) => setTimeout(resolve, 50));
        }
      }
    });
    await system.sim.until((state) => state.open_calls > 0);
    await system.redis.kill('SIGKILL');
    await system.redis.restart();
    await Promise.all(load);
    const settled = await Promise.all(ids.map(waitThrough));
    expect(settled).toEqual(ids.map(() => 'succeeded'));
    expect(down || ids.length === 120).toBe(true);
  });
});

async function createThrough() {
  for (;;) {
    const answer = await post(song());
    if (answer.status === 202) return (await answer.json()) as { id: string };
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function waitThrough(id: string): Promise<string> {
  for (;;) {
    try {
      return (await system.client.generations.wait(id, { timeoutMs: 120_000 })).status;
    } catch (error) {
      if ((error as { status?: number }).status !== 503) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}
