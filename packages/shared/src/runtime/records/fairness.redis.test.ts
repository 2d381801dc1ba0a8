import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Priority } from '../../contract/words.ts';
import { openTestRecords, requestOf, type TestRecords } from '../../testing/records.ts';
import { startRedis, type TestRedis } from '../../testing/redis.ts';
import { newId } from '../ids.ts';
import { feedWindow } from './feed.ts';
import { loadScript } from './store.ts';

let server: TestRedis;
let records: TestRecords;
let opened = 0;

beforeAll(async () => {
  server = await startRedis();
});
beforeEach(() => {
  opened += 1;
  records = openTestRecords(server.url, `t${opened}`);
});
afterEach(() => records.close());
afterAll(() => server.stop());

const windowSize = (size: number) => records.store.redis.set(`${records.store.keys.root}window-size`, size);
const inLine = (project: string, priority: Priority = 'normal') =>
  records.accepted({ project, request: requestOf({ priority }) });

/** Finishes what is in the window and feeds the next one, until nobody is left; ids in the order they started. */
async function serveAll(): Promise<string[]> {
  const { redis, keys } = records.store;
  const served: string[] = [];
  for (;;) {
    for (const id of await redis.zrange(keys.window, '0', '-1')) {
      served.push(id);
      await records.publish(id, await records.claimed(id));
    }
    const fed = await feedWindow(records.store, { worker: 'w1', leaseMs: 60_000, most: 100 });
    if (fed!.length === 0) return served;
  }
}

describe('the order of the line', () => {
  it('alternates between a project with 100 songs and one with a single song', async () => {
    await windowSize(1);
    const many = [];
    for (let n = 0; n < 100; n++) many.push(await inLine('many'));
    const single = await inLine('single');
    const order = await serveAll();
    expect(order).toHaveLength(101);
    expect(order.indexOf(single)).toBeLessThanOrEqual(2);
    expect(order.filter((id) => id !== single)).toEqual(many);
  });

  it('lets a single song beside the 10,000 of another project wait for the window, one share and one more', async () => {
    await windowSize(20);
    for (let chunk = 0; chunk < 100; chunk++) {
      const items = Array.from({ length: 100 }, () => [newId('gen'), 'normal', 'music-01', 'retry', 0, 0, '{}']);
      await loadScript('accept').run(records.store, ['', '', 1_000_000, 'many', 100, ...items.flat()]);
    }
    const { redis, keys } = records.store;
    expect(await redis.zcard(keys.ready)).toBe(9980);
    const single = await inLine('single');
    expect(await redis.zrank(keys.ready, single)).toBeLessThanOrEqual(1);
    const listener = await inLine('single', 'interactive');
    const bulk = await inLine('single', 'bulk');
    expect(await redis.zrank(keys.ready, listener)).toBe(0);
    expect(await redis.zrank(keys.ready, bulk)).toBe(9982);
  });

  it('shares evenly between two backlogs, whichever came first', async () => {
    await windowSize(1);
    const first: string[] = [];
    for (let n = 0; n < 20; n++) first.push(await inLine('first'));
    for (let n = 0; n < 20; n++) await inLine('second');
    const order = await serveAll();
    for (let n = 4; n <= 40; n += 2) {
      const share = order.slice(0, n).filter((id) => first.includes(id)).length;
      expect(Math.abs(share - n / 2)).toBeLessThanOrEqual(1);
    }
  });

  it('serves a newcomer after the present round, not after the whole backlog, and not before what it earned', async () => {
    await windowSize(1);
    for (let n = 0; n < 50; n++) await inLine('old');
    for (let n = 0; n < 30; n++) {
      const [id] = await records.store.redis.zrange(records.store.keys.window, '0', '-1');
      await records.publish(id!, await records.claimed(id!));
      await feedWindow(records.store, { worker: 'w1', leaseMs: 60_000, most: 1 });
    }
    const fresh = [await inLine('new'), await inLine('new'), await inLine('new')];
    const order = await serveAll();
    expect(fresh.map((id) => order.indexOf(id))).toEqual([1, 3, 5]);
  });

  it('lets interactive songs pass normal ones, and normal ones pass bulk', async () => {
    await windowSize(0);
    const bulk = await inLine('p', 'bulk');
    const normal = await inLine('p', 'normal');
    const order = [normal, bulk];
    await windowSize(1);
    const interactive = await inLine('p', 'interactive');
    expect(await serveAll()).toEqual([interactive, ...order]);
  });

  it('lets an interactive song into a window that backlog has filled, up to twice its size', async () => {
    await windowSize(2);
    for (let n = 0; n < 5; n++) await inLine('p', 'bulk');
    const listeners = [];
    for (let n = 0; n < 3; n++) listeners.push(await inLine('p', 'interactive'));
    const fed = [];
    for (let n = 0; n < 4; n++) {
      fed.push(...(await feedWindow(records.store, { worker: 'w1', leaseMs: 60_000, most: 10 }))!);
    }
    expect(fed.map(({ id, priority }) => [id, priority])).toEqual(
      listeners.slice(0, 2).map((id) => [id, 'interactive']),
    );
    expect(await records.store.redis.zcard(records.store.keys.window)).toBe(4);
  });

  it('keeps no debt of a backlog that was canceled', async () => {
    await windowSize(1);
    const canceled = [];
    await inLine('steady');
    for (let n = 0; n < 30; n++) await inLine('steady');
    for (let n = 0; n < 100; n++) canceled.push(await inLine('moody'));
    for (const id of canceled) await records.cancel(id);
    const back = await inLine('moody');
    expect((await serveAll()).indexOf(back)).toBeLessThanOrEqual(2);
    const left = await records.store.redis.hgetall(`${records.store.keys.root}fair`);
    expect(Object.keys(left).filter((field) => field.startsWith('n:'))).toEqual([]);
  });

  it('never moves more than one feeding asks for, nor more than the window holds', async () => {
    await windowSize(5);
    for (let n = 0; n < 30; n++) await inLine(`p${n % 3}`);
    const { redis, keys } = records.store;
    expect(await redis.zcard(keys.window)).toBe(5);
    await windowSize(12);
    const sizes = [];
    for (let n = 0; n < 4; n++) {
      sizes.push((await feedWindow(records.store, { worker: 'w1', leaseMs: 60_000, most: 3 }))!.length);
    }
    expect(sizes).toEqual([3, 3, 1, 0]);
    expect(await redis.zcard(keys.window)).toBe(12);
  });
});
