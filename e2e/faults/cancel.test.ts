import { createHash } from 'node:crypto';
import type { Generation } from '@songmill/shared/contract/generation';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { song } from '../testing/requests.ts';
import { startSystem, type TestSystem } from '../testing/system.ts';

let system: TestSystem;
beforeAll(async () => {
  system = await startSystem({ apis: 2, workers: 2, env: { UPSTREAM_TIMEOUT_MS: '4000' } });
});
afterAll(async () => system?.stop());

const billed = async (request: { lyrics: string }) =>
  (await system.sim.ledger()).by_lyrics[createHash('sha256').update(request.lyrics).digest('hex')];

/** Asks one API for a song, and cancels it at the other one while its call is open. */
async function canceledInTheMiddle(words: string) {
  const request = song(words);
  const { id } = await system.clientOf(0).generations.create(request);
  await system.sim.until(({ open_calls }) => open_calls > 0);
  const canceled = await system.clientOf(1).generations.cancel(id);
  expect(canceled).toMatchObject({ status: 'canceled', attempts: [{ outcome: null, charge: null }] });
  return { id, request, canceled };
}
const read = (id: string) => system.clientOf(0).generations.retrieve(id);
const firstAttempt = async (id: string) => (await read(id)).attempts[0];
const ended = (id: string) => expect.poll(() => firstAttempt(id), { timeout: 30_000 });

describe('a cancel while the upstream works', () => {
  it('fault: keeps the song that was paid for, and a retry publishes it without another call', async () => {
    const { id, request } = await canceledInTheMiddle('[sim:latency=1500]');
    await ended(id).toMatchObject({ outcome: 'succeeded', charge: 'charged' });
    expect(await read(id)).toMatchObject({ status: 'canceled', result: null, error: { code: 'canceled' } });
    await system.clientOf(1).generations.retry(id);
    const sung: Generation = await system.clientOf(0).generations.wait(id);
    expect(sung).toMatchObject({ status: 'succeeded', attempts_total: 1 });
    expect(await billed(request)).toMatchObject({ calls: 1, charges: 1 });
  });

  it.each([
    ['a failure that the upstream states costs nothing', '[sim:code=1033][sim:latency=1500]', 'retryable', 'none'],
    ['a song that never arrives may have been billed', '[sim:lost][sim:latency=1500]', 'unknown', 'unknown'],
    ['an answer that does not come in time may have been billed', '[sim:hang]', 'unknown', 'unknown'],
  ])('fault: says later what became of the call: %s', async (_title, words, outcome, charge) => {
    const { id } = await canceledInTheMiddle(words);
    await ended(id).toMatchObject({ outcome, charge });
    expect(await read(id)).toMatchObject({ status: 'canceled', attempts_total: 1 });
  });

  it('fault: whose worker dies then is known as perhaps billed once the worker counts as dead', async () => {
    const { id } = await canceledInTheMiddle('[sim:latency=30000]');
    for (const worker of system.workers.splice(0)) await worker.kill('SIGKILL');
    await system.startWorker();
    await system.startWorker();
    await ended(id).toMatchObject({ outcome: 'unknown', charge: 'unknown' });
    expect(await read(id)).toMatchObject({ status: 'canceled', attempts_total: 1 });
  });

  it('fault: and a delete lose no money: what is left of the record says what the call cost', async () => {
    const { id } = await canceledInTheMiddle('[sim:latency=1500]');
    await system.clientOf(1).generations.delete(id);
    await expect(read(id)).rejects.toMatchObject({ status: 404 });
    const redis = new Redis(system.redis.url);
    const left = async () => JSON.parse((await redis.get(`{songmill}:x:${id}`))!) as { attempts: unknown[] };
    await expect
      .poll(left, { timeout: 30_000 })
      .toMatchObject({ attempts: [{ outcome: 'succeeded', charge: 'charged' }] });
    redis.disconnect();
  });
});
