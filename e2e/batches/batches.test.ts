import { request } from 'node:http';
import type { Batch } from '@songmill/shared/contract/batch';
import { readBatchRecord } from '@songmill/shared/runtime/records/batches';
import { openTestRecords, type TestRecords } from '@songmill/shared/testing/records';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { API_KEY, startSystem, type SystemOptions, type TestSystem, VOICE } from '../testing/system.ts';

let system: TestSystem;
let records: TestRecords | null = null;

beforeEach(() => {
  records = null;
});
afterEach(async () => {
  records?.close();
  await system.stop();
});

async function start(options: SystemOptions): Promise<TestRecords> {
  system = await startSystem(options);
  records = openTestRecords(system.redis.url, 'songmill');
  return records;
}

const HEADERS = { authorization: `Bearer ${API_KEY}`, 'content-type': 'application/x-ndjson' };
const PATIENCE = { timeout: 120_000, interval: 50 };

/** Lines of songs that nobody else asks for. */
function lines(count: number, words: (index: number) => string = () => ''): string {
  const item = (index: number) => ({
    lyrics: `${words(index)}\nbatch song ${index} of ${process.pid}`,
    custom_id: `c${index}`,
  });
  return Array.from({ length: count }, (_, index) => `${JSON.stringify(item(index))}\n`).join('');
}

async function submit(api: number, body: string, key: string): Promise<Response> {
  const headers = { ...HEADERS, 'idempotency-key': key };
  return fetch(`${system.apis[api]!.url}/v1/batches?defaults.refer_voice=${VOICE}`, { method: 'POST', headers, body });
}

/** Submits until no other body with the key is on its way, and Redis and storage are there. */
async function submitted(api: number, body: string, key: string): Promise<Batch> {
  for (;;) {
    const response = await submit(api, body, key);
    if (response.status === 202) return (await response.json()) as Batch;
    expect([409, 503], await response.text()).toContain(response.status);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

async function batchOf(id: string): Promise<Batch> {
  const response = await fetch(`${system.apis.at(-1)!.url}/v1/batches/${id}`, { headers: HEADERS });
  expect(response.status).toBe(200);
  const batch = (await response.json()) as Batch;
  const { total, ...others } = batch.counts;
  expect(Object.values(others).reduce((sum, count) => sum + count, 0)).toBe(total);
  return batch;
}

async function pauseSongs(): Promise<void> {
  const response = await fetch(`${system.apis[0]!.url}/v1/queues/generate/pause`, {
    method: 'POST',
    headers: { authorization: HEADERS.authorization },
  });
  expect(response.status).toBe(200);
}

/** Each item once, in input order, and none besides. */
async function expectEachOnce(open: TestRecords, id: string, count: number): Promise<void> {
  const { redis, keys } = open.store;
  expect(await redis.zcard(keys.list('default'))).toBe(count);
  expect(await redis.zcard(keys.list('default', 'queued'))).toBe(count);
  expect(Number(await redis.get(keys.waiting))).toBe(count);
  expect((await redis.zcard(keys.ready)) + (await redis.zcard(keys.window))).toBe(count);
  const page = await fetch(`${system.apis.at(-1)!.url}/v1/generations?batch_id=${id}&limit=100`, { headers: HEADERS });
  const { data } = (await page.json()) as { data: { custom_id: string; batch_index: number }[] };
  expect(data.map(({ custom_id, batch_index }) => [custom_id, batch_index])).toEqual(
    data.map((_, index) => [`c${index}`, index]),
  );
}

describe('a batch', () => {
  it('runs to its honest end, costs what was billed, and tells it by webhook once', async () => {
    await start({ env: { WEBHOOK_ALLOW_PRIVATE: 'true', PRICES: '{"music-01":{"amount":"0.05","currency":"PTC"}}' } });
    const body = lines(60, (index) => (index % 6 === 0 ? '[sim:code=1026]' : ''));
    const hook = `${system.simulator.url}/_hooks/batch`;
    const response = await fetch(
      `${system.apis[0]!.url}/v1/batches?defaults.refer_voice=${VOICE}&webhook.url=${encodeURIComponent(hook)}`,
      { method: 'POST', headers: HEADERS, body },
    );
    const { id, counts } = (await response.json()) as Batch;
    expect([response.status, counts]).toMatchObject([202, { total: 60, queued: 60 }]);
    await expect.poll(async () => (await batchOf(id)).status, PATIENCE).toBe('completed_with_errors');
    expect(await batchOf(id)).toMatchObject({
      counts: { succeeded: 50, failed: 10 },
      cost: { estimated: '3.00', charged: '2.50', unknown: '0.00' },
    });
    expect((await system.sim.ledger()).charges).toBe(50);
    const told = async () =>
      (await system.sim.hooks('/_hooks/batch')).map(
        ({ body: text }) => JSON.parse(text) as { type: string; data: Batch },
      );
    await expect.poll(async () => (await told()).length, PATIENCE).toBe(1);
    expect((await told())[0]).toMatchObject({
      type: 'batch.completed',
      data: { id, status: 'completed_with_errors', counts: { succeeded: 50, failed: 10 } },
    });
  });
});

describe('a process that dies while a batch comes in', () => {
  it('fault: an API killed at any byte has made the batch once or not at all, and a replay gives it once', async () => {
    const open = await start({ apis: 0, workers: 1, redis: { appendfsync: 'always' } });
    // What a killed API had received goes with the folder of this test.
    const startApi = () => system.startApi({ TMPDIR: system.data });
    await startApi();
    await pauseSongs();
    const body = Buffer.from(lines(400));
    for (const [round, share] of [0, 0.4, 0.999, 1].entries()) {
      const api = system.apis.length - 1;
      const key = `kill-${round}`;
      const url = `${system.apis[api]!.url}/v1/batches?defaults.refer_voice=${VOICE}`;
      const headers = { ...HEADERS, 'idempotency-key': key, 'content-length': body.length };
      const sending = request(url, { method: 'POST', headers });
      const ended = new Promise<number | null>((resolve) => {
        sending
          .once('response', (answer) => resolve(answer.resume().statusCode ?? null))
          .once('error', () => resolve(null));
      });
      sending.write(body.subarray(0, Math.floor(body.length * share) || 1));
      const arrives = async () => (await open.store.redis.keys(`${open.store.keys.root}arriving:*`)).length;
      if (share < 1) await expect.poll(arrives, PATIENCE).toBeGreaterThan(0);
      await system.apis[api]!.kill('SIGKILL');
      const status = await ended;
      sending.destroy();
      await startApi();
      const first = await submitted(system.apis.length - 1, body.toString(), key);
      const again = await submitted(system.apis.length - 1, body.toString(), key);
      expect(again.id).toBe(first.id);
      if (status === 202) expect(share).toBe(1);
      expect(await open.store.redis.zcard(open.store.keys.batches('default'))).toBe(round + 1);
    }
    await expect.poll(() => open.store.redis.zcard(open.store.keys.list('default')), PATIENCE).toBe(1600);
    expect(await open.store.redis.zcard(open.store.keys.ingesting)).toBe(0);
    // Longer than every poll of it together on a busy machine.
  }, 240_000);

  it('fault: workers killed while they record the items record each once', async () => {
    const open = await start({ workers: 1, redis: { appendfsync: 'always' } });
    await pauseSongs();
    const { id } = await submitted(0, lines(6000), 'ingest');
    const ingested = async () => (await readBatchRecord(open.store, id))!.ingested;
    for (const reached of [1, 1500, 4000]) {
      await expect.poll(ingested, { timeout: 120_000, interval: 1 }).toBeGreaterThanOrEqual(reached);
      await system.workers.at(-1)!.kill('SIGKILL');
      await system.startWorker();
    }
    await expect.poll(async () => (await batchOf(id)).status, PATIENCE).toBe('processing');
    await expectEachOnce(open, id, 6000);
  }, 240_000);

  it('fault: a Redis killed while the items are recorded has each once afterwards', async () => {
    const open = await start({ workers: 2, redis: { appendfsync: 'always' } });
    await pauseSongs();
    const { id } = await submitted(0, lines(6000), 'restart');
    const ingested = async () => (await readBatchRecord(open.store, id).catch(() => null))?.ingested ?? 0;
    for (const reached of [1, 2000]) {
      await expect.poll(ingested, { timeout: 120_000, interval: 1 }).toBeGreaterThanOrEqual(reached);
      await system.redis.kill('SIGKILL');
      await system.redis.restart();
    }
    await expect.poll(ingested, PATIENCE).toBe(6000);
    await expect.poll(async () => (await batchOf(id)).status, PATIENCE).toBe('processing');
    await expectEachOnce(open, id, 6000);
  }, 240_000);
});
