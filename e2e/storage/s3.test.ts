import { createHash } from 'node:crypto';
import {
  BUCKET,
  KEYS,
  type ObjectStore,
  startObjectStore,
} from '@songmill/shared/runtime/storage/testing/object-store';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { song } from '../testing/requests.ts';
import { startSystem, type TestSystem } from '../testing/system.ts';

let store: ObjectStore;
let system: TestSystem;
beforeEach(async () => {
  store = await startObjectStore();
  system = await startSystem({
    env: {
      STORAGE_URL: `s3://${BUCKET}/mill?endpoint=${store.url}`,
      AWS_ACCESS_KEY_ID: KEYS.accessKeyId,
      AWS_SECRET_ACCESS_KEY: KEYS.secretAccessKey,
    },
  });
});
afterEach(async () => {
  await system.stop();
  await store.stop();
});

describe('songs in an object store', () => {
  it('are stored with their commit, served whole and in part, and gone when they are deleted', async () => {
    const made = await system.client.generations.generate(song());
    expect(made.status).toBe('succeeded');
    const keys = [...store.objects.keys()].filter((key) => key.startsWith(`mill/${made.id}/`));
    expect(keys.map((key) => key.replace(/\/[^/]*\.mp3$/, '/mp3')).sort()).toEqual([
      `mill/${made.id}/mp3`,
      `mill/${made.id}/result.json`,
    ]);
    const whole = Buffer.from(await (await system.client.generations.audio(made.id)).arrayBuffer());
    expect(createHash('sha256').update(whole).digest('hex')).toBe(made.result!.sha256);
    const part = await system.client.generations.audio(made.id, { range: 'bytes=100-199' });
    expect(part.status).toBe(206);
    expect(Buffer.from(await part.arrayBuffer()).equals(whole.subarray(100, 200))).toBe(true);
    const ranges = store.requests.filter(({ line }) => line.startsWith('GET')).map(({ headers }) => headers.range);
    expect(ranges).toContain('bytes=100-199');
    await system.client.generations.delete(made.id);
    await vi.waitFor(
      () => expect([...store.objects.keys()].filter((key) => key.includes(made.id))).toEqual([]),
      30_000,
    );
  });

  it('fault: the store is down while songs are answered: they wait, nothing else is bought, and each is billed once', async () => {
    // Commits by agreement take more steps, so more can go wrong.
    store.honours = false;
    const paid = await Promise.all(
      [1, 2, 3, 4].map(() => system.client.generations.create(song('[sim:latency=1500]'))),
    );
    await system.sim.until((state) => state.open_calls === 4);
    store.fault = () => ({ kind: 'answer', status: 503, code: 'SlowDown' });
    for (const { id } of paid) {
      await vi.waitFor(
        async () => {
          const now = await system.client.generations.retrieve(id);
          expect(now).toMatchObject({ status: 'processing', attempts: [{ charge: 'charged' }] });
        },
        { timeout: 60_000, interval: 50 },
      );
    }
    const waiting = await system.client.generations.create(song());
    await vi.waitFor(
      async () => {
        const now = await system.client.generations.retrieve(waiting.id);
        expect(now).toMatchObject({ status: 'queued', queue: { blocked_by: 'storage' } });
      },
      { timeout: 60_000, interval: 50 },
    );
    expect((await system.sim.ledger()).calls).toBe(4);

    store.fault = () => null;
    const settled = await Promise.all(
      [...paid, waiting].map(({ id }) => system.client.generations.wait(id, { timeoutMs: 120_000 })),
    );
    expect(settled.map((each) => each.status)).toEqual(settled.map(() => 'succeeded'));
    expect(await system.sim.ledger()).toMatchObject({ calls: 5, charges: 5 });
  });

  it('a listener who leaves ends the read at the store', async () => {
    const made = await system.client.generations.generate(song());
    store.fault = (line) => (/^GET .*\.mp3$/.test(line) ? { kind: 'stall', after: 5000 } : null);
    const answer = await system.client.generations.audio(made.id);
    const reader = answer.body!.getReader();
    await reader.read();
    expect(store.left).toEqual([]);
    await reader.cancel();
    await vi.waitFor(() => expect(store.left).toEqual([expect.stringMatching(/^GET .*\.mp3$/)]), 10_000);
  });
});
