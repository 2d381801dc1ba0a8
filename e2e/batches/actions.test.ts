import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Batch } from '@songmill/shared/contract/batch';
import type { BulkAction, BulkQuote } from '@songmill/shared/contract/bulk-action';
import type { Generation } from '@songmill/shared/contract/generation';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { API_KEY, startSystem, type SystemOptions, type TestSystem, VOICE } from '../testing/system.ts';

let system: TestSystem;

const PRICES = '{"music-01":{"amount":"0.05","currency":"PTC"}}';
const start = async (options: SystemOptions = {}) => {
  system = await startSystem({ ...options, env: { PRICES, ...options.env } });
};
beforeEach((context) => {
  context.onTestFailed(() => {
    for (const { name, output } of [...system.apis, ...system.workers]) console.error(name, output().slice(-2000));
  });
});
afterEach(() => system.stop());

const PATIENCE = { timeout: 120_000, interval: 50 };

function call(path: string, body?: object | string, method = body === undefined ? 'GET' : 'POST'): Promise<Response> {
  const type = typeof body === 'string' ? 'application/x-ndjson' : 'application/json';
  return fetch(`${system.apis.at(-1)!.url}${path}`, {
    ...{ method, headers: { authorization: `Bearer ${API_KEY}`, 'content-type': type } },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
}

async function answer<Shape>(status: number, asked: Promise<Response>): Promise<Shape> {
  const response = await asked;
  const text = await response.text();
  expect(response.status, text).toBe(status);
  return JSON.parse(text) as Shape;
}

const lines = (count: number, words: (index: number) => string = () => '') =>
  Array.from({ length: count }, (_, index) => {
    const lyrics = `${words(index)}\nsong ${index} of ${process.pid}`;
    return `${JSON.stringify({ lyrics, refer_voice: VOICE, custom_id: `c${index}` })}\n`;
  }).join('');
const submit = (body: string) => answer<Batch>(202, call('/v1/batches', body));
const batchOf = (id: string) => answer<Batch>(200, call(`/v1/batches/${id}`));
const settled = (id: string, status: string) =>
  expect.poll(async () => (await batchOf(id)).status, PATIENCE).toBe(status);
const actionsOf = async () => (await answer<{ data: BulkAction[] }>(200, call('/v1/bulk-actions'))).data;
const actionOf = (id: string) => answer<BulkAction>(200, call(`/v1/bulk-actions/${id}`));
const ended = (id: string) => expect.poll(async () => (await actionOf(id)).status, PATIENCE).not.toBe('running');
const resultsOf = async (id: string) => {
  const text = await (await call(`/v1/batches/${id}/results`)).text();
  return text.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as Generation]));
};

describe('a batch that is canceled', () => {
  it('starts no further call from the answer on, and ends as canceled; a retry makes the rest, each paid once', async () => {
    await start({ timeScale: 0.01, env: { UPSTREAM_MAX_CONCURRENCY: '4' } });
    const { id } = await submit(lines(300));
    await system.sim.until(({ open_calls }) => open_calls > 0);
    await answer<Batch>(202, call(`/v1/batches/${id}/cancel`, {}));
    const asked = (await system.sim.requests()).length;
    await settled(id, 'canceled');
    const canceled = await batchOf(id);
    expect(canceled.counts.canceled + canceled.counts.succeeded).toBe(300);
    await system.sim.until(({ open_calls }) => open_calls === 0);
    // Claims that were on their way when it was canceled may still call.
    expect((await system.sim.requests()).length).toBeLessThanOrEqual(asked + 4);
    expect((await call(`/v1/batches/${id}/cancel`, {})).status).toBe(409);

    await system.sim.config({ time_scale: 0.001 });
    const reopened = await answer<Batch>(202, call(`/v1/batches/${id}/retry`, {}));
    expect(reopened).toMatchObject({ status: 'processing', finished_at: null });
    await settled(id, 'completed');
    const { charges } = await system.sim.ledger();
    // Songs of calls that were open when it was canceled are spares, which the retry used.
    expect(charges).toBe(300);
    expect((await resultsOf(id)).map(({ custom_id }) => custom_id)).toEqual(
      Array.from({ length: 300 }, (_, index) => `c${index}`),
    );
  });

  it('fault: workers killed in the middle of a cancel and of a retry leave it to others; nothing is paid twice', async () => {
    await start({ workers: 1 });
    await answer(200, call('/v1/queues/generate/pause', {}));
    const { id } = await submit(lines(800));
    await expect.poll(async () => (await batchOf(id)).status, PATIENCE).toBe('processing');
    for (const [action, status] of [
      ['cancel', 'canceled'],
      ['retry', 'queued'],
    ] as const) {
      await answer<Batch>(202, call(`/v1/batches/${id}/${action}`, {}));
      const done = async () => (await actionsOf())[0]!.done;
      await expect.poll(done, { ...PATIENCE, interval: 5 }).toBeGreaterThan(0);
      await system.workers.at(-1)!.kill('SIGKILL');
      await system.startWorker();
      await expect.poll(async () => (await batchOf(id)).counts[status], PATIENCE).toBe(800);
      await expect.poll(async () => (await actionsOf())[0]!.status, PATIENCE).toBe('completed');
    }
    await answer(200, call('/v1/queues/generate/resume', {}));
    await settled(id, 'completed');
    expect((await system.sim.ledger()).charges).toBe(800);
  });
});

describe('a batch with failures', () => {
  it('runs again what failed with a code, and is deleted with its songs when it is settled', async () => {
    await start();
    const { id } = await submit(lines(20, (index) => (index % 4 === 0 ? '[sim:code=1026]' : '')));
    await settled(id, 'completed_with_errors');
    await answer(202, call(`/v1/batches/${id}/retry`, { error_codes: ['upstream_timeout'] }));
    await settled(id, 'completed_with_errors');
    expect((await system.sim.ledger()).charges).toBe(15);
    await answer(202, call(`/v1/batches/${id}/retry`, { status: ['failed'] }));
    await expect.poll(async () => (await actionsOf())[0]!.status, PATIENCE).toBe('completed');
    await settled(id, 'completed_with_errors');
    expect((await actionsOf())[0]).toMatchObject({ matched: 5, done: 5, failed: 0, batch_id: id });
    expect(
      (await answer<Batch>(202, call(`/v1/batches/${id}/resolve`, { charged: false, action: 'fail' }))).status,
    ).toBe('completed_with_errors');

    const open = await submit(lines(3));
    await answer(200, call('/v1/queues/generate/pause', {}));
    expect((await call(`/v1/batches/${(await submit(lines(3))).id}`, {}, 'DELETE')).status).toBe(409);
    await answer(200, call('/v1/queues/generate/resume', {}));
    await settled(open.id, 'completed');
    const [song] = await resultsOf(id).then((all) => all.filter(({ status }) => status === 'succeeded'));
    expect((await call(`/v1/batches/${id}`, {}, 'DELETE')).status).toBe(204);
    expect((await call(`/v1/batches/${id}`)).status).toBe(404);
    await expect.poll(async () => (await call(`/v1/generations/${song!.id}`)).status, PATIENCE).toBe(404);
    const shard = join(system.data, 'songs', song!.id.slice(-2));
    await expect.poll(() => readdir(shard).then((names) => names.includes(song!.id)), PATIENCE).toBe(false);
  });
});

describe('a bulk action', () => {
  it('says first how many and what it costs, then does it in the background, and can be stopped', async () => {
    await start({ workers: 1 });
    const { id } = await submit(lines(30, (index) => (index % 3 === 0 ? '[sim:code=1026]' : '')));
    await settled(id, 'completed_with_errors');
    const filter = { error_code: 'content_rejected', batch_id: id };
    const dry = { action: 'retry', filter, dry_run: true };
    expect(await answer<BulkQuote>(200, call('/v1/bulk-actions', dry))).toEqual({
      ...{ object: 'bulk_quote', matched: 10, cost: { currency: 'PTC', estimated: '0.50' } },
    });
    expect(await actionsOf()).toEqual([]);
    for (const [bad, pointers] of [
      [{ action: 'retry', filter: {} }, ['/filter']],
      [{ action: 'retry', filter: { colour: 'red' } }, ['/filter/colour', '/filter']],
      [{ action: 'retry', filter: { status: ['succeeded'] } }, ['/filter/status/0']],
      [{ action: 'resolve', filter: { model: 'music-01' } }, ['/params']],
      [{ action: 'cancel' }, ['/filter']],
    ] as const) {
      const { errors } = await answer<{ errors: { pointer: string }[] }>(422, call('/v1/bulk-actions', bad));
      expect(errors.map((fault) => fault.pointer)).toEqual(pointers);
    }
    const made = await answer<BulkAction>(202, call('/v1/bulk-actions', { action: 'retry', filter }));
    expect(made).toMatchObject({ status: 'running', matched: 10, done: 0, failed: 0, created_by: 'bootstrap' });
    await ended(made.id);
    expect(await actionOf(made.id)).toMatchObject({ status: 'completed', done: 10, failed: 0 });
    await settled(id, 'completed_with_errors');
    expect((await batchOf(id)).counts).toMatchObject({ succeeded: 20, failed: 10 });

    await system.workers[0]!.kill('SIGKILL');
    const second = await answer<BulkAction>(202, call('/v1/bulk-actions', { action: 'retry', filter }));
    const stopped = await answer<BulkAction>(200, call(`/v1/bulk-actions/${second.id}/cancel`, {}));
    expect(stopped).toMatchObject({ status: 'canceled', done: 0 });
    expect((await call(`/v1/bulk-actions/${made.id}/cancel`, {})).status).toBe(409);
    expect((await call('/v1/bulk-actions/blk_0')).status).toBe(404);
    expect((await actionsOf()).map((action) => action.id)).toEqual([second.id, made.id]);
  });
});
