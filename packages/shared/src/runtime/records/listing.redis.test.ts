import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openTestRecords, requestOf, type TestRecords } from '../../testing/records.ts';
import { startRedis, type TestRedis } from '../../testing/redis.ts';
import { newId } from '../ids.ts';
import { type ListQuery, listGenerations } from './list.ts';
import { loadScript } from './store.ts';

let server: TestRedis;
const opened: TestRecords[] = [];

function open(prefix: string): TestRecords {
  const records = openTestRecords(server.url, prefix);
  opened.push(records);
  return records;
}

beforeAll(async () => {
  server = await startRedis();
});
afterAll(async () => {
  for (const records of opened) records.close();
  await server.stop();
});

const everything: ListQuery = {
  project: 'p',
  statuses: null,
  customId: null,
  errorCode: null,
  model: null,
  createdAfterMs: null,
  createdBeforeMs: null,
  limit: 100,
  after: null,
};
const idsOf = (page: { records: { id: string }[] }) => page.records.map(({ id }) => id);

async function walk(records: TestRecords, query: Partial<ListQuery>, between?: () => Promise<unknown>) {
  const pages: string[][] = [];
  let after: number | null = null;
  do {
    const page = await listGenerations(records.store, { ...everything, ...query, after });
    pages.push(idsOf(page));
    after = page.next;
    await between?.();
  } while (after !== null);
  return pages;
}

describe('lists', () => {
  it('are newest first, and their pages hold everything once', async () => {
    const records = open('order');
    const ids: string[] = [];
    for (let n = 0; n < 10; n++) ids.unshift(await records.accepted());
    expect(await walk(records, { limit: 4 })).toEqual([ids.slice(0, 4), ids.slice(4, 8), ids.slice(8)]);
    expect(await walk(records, { limit: 5 })).toEqual([ids.slice(0, 5), ids.slice(5)]);
    expect(await walk(records, { limit: 10 })).toEqual([ids]);
    expect(await walk(records, { project: 'nobody' })).toEqual([[]]);
  });

  it('stay where they are while new ones arrive and old ones are erased', async () => {
    const records = open('stable');
    const ids: string[] = [];
    for (let n = 0; n < 9; n++) ids.unshift(await records.accepted());
    const pages = await walk(records, { limit: 2 }, () => records.accepted());
    expect(pages.flat()).toEqual(ids);
  });

  it('merge statuses and projects by age', async () => {
    const records = open('merge');
    const all: { id: string; project: string; status: string }[] = [];
    for (let n = 0; n < 12; n++) {
      const project = `p${n % 3}`;
      const id = await records.accepted({ project });
      if (n % 2 === 0) await records.cancel(id);
      else if (n % 4 === 1) await records.claimed(id);
      all.unshift({ id, project, status: n % 2 === 0 ? 'canceled' : n % 4 === 1 ? 'processing' : 'queued' });
    }
    const is = (test: (one: (typeof all)[number]) => boolean) => all.filter(test).map(({ id }) => id);
    expect((await walk(records, { project: null, limit: 5 })).flat()).toEqual(all.map(({ id }) => id));
    expect((await walk(records, { project: null, statuses: ['canceled', 'queued'], limit: 2 })).flat()).toEqual(
      is(({ status }) => status !== 'processing'),
    );
    expect((await walk(records, { project: 'p1', statuses: ['canceled', 'processing'], limit: 1 })).flat()).toEqual(
      is(({ project, status }) => project === 'p1' && status !== 'queued'),
    );
    expect((await walk(records, { project: null, statuses: ['failed'] })).flat()).toEqual([]);
  });

  it('filter what no index knows', async () => {
    const records = open('filters');
    const named = await records.accepted({ request: requestOf({ custom_id: 'mine' }) });
    const other = await records.accepted({ request: requestOf({ model: 'music-02' }) });
    const failed = await records.accepted();
    await records.release(failed, await records.claimed(failed), 'content_rejected');
    expect(await walk(records, { customId: 'mine' })).toEqual([[named]]);
    expect(await walk(records, { model: 'music-02' })).toEqual([[other]]);
    expect(await walk(records, { errorCode: 'content_rejected' })).toEqual([[failed]]);
    expect(await walk(records, { errorCode: 'content_rejected', statuses: ['queued'] })).toEqual([[]]);
  });

  it('are bound by created_after and created_before, both exclusive, to the millisecond', async () => {
    const records = open('times');
    // Ordinals that run ahead of the clock must not shift the edges.
    await records.store.redis.set(`${records.store.keys.root}ordinal`, (Date.now() + 60_000) * 1000 + 998);
    const ids: string[] = [];
    for (let n = 0; n < 4; n++) ids.push(await records.accepted());
    const times: number[] = [];
    for (const id of ids) times.push((await records.read(id)).createdMs);
    const edges = [...new Set(times)];
    expect(edges.length).toBeGreaterThan(1);
    for (const edge of [edges[0]! - 1, ...edges, edges.at(-1)! + 1]) {
      const newest = (test: (ms: number) => boolean) => ids.filter((_, n) => test(times[n]!)).reverse();
      expect((await walk(records, { createdAfterMs: edge })).flat()).toEqual(newest((ms) => ms > edge));
      expect((await walk(records, { createdBeforeMs: edge })).flat()).toEqual(newest((ms) => ms < edge));
      expect((await walk(records, { createdBeforeMs: edge, limit: 1 })).flat()).toEqual(newest((ms) => ms < edge));
    }
    const none = await walk(records, { createdAfterMs: edges[0]!, createdBeforeMs: edges[0]! });
    expect(none).toEqual([[]]);
  });

  it('look at 1,000 records for one page and go on from there', async () => {
    const records = open('cap');
    const accept = loadScript('accept');
    const rare: string[] = [];
    for (let chunk = 0; chunk < 21; chunk++) {
      const items = Array.from({ length: 100 }, (_, n) => {
        const id = newId('gen');
        const chosen = chunk % 10 === 0 && n === 0;
        if (chosen) rare.unshift(id);
        const request = requestOf({ custom_id: chosen ? 'rare' : null });
        return [id, 'bulk', 'music-01', 'retry', 0, 0, JSON.stringify(request)];
      });
      await accept.run(records.store, ['', '', 1_000_000, 'p', 100, ...items.flat()]);
    }
    expect(rare).toHaveLength(3);
    const pages = await walk(records, { customId: 'rare', limit: 10 });
    // The newest chunk holds one as its first, so it is the 100th looked at; then every 1,000 one more.
    expect(pages).toEqual([[rare[0]], [rare[1]], [rare[2]]]);
    expect(await walk(records, { customId: 'rare', limit: 1 })).toEqual([[rare[0]], [rare[1]], [rare[2]]]);
  });
});
