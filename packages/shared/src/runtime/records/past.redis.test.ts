import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Event } from '../../contract/event.ts';
import { openTestRecords, requestOf, type TestRecords } from '../../testing/records.ts';
import { startRedis, type TestRedis } from '../../testing/redis.ts';
import { requires } from '../../testing/requires.ts';
import { fieldsOf, presentEvent } from './event-body.ts';
import { logAfter, logBefore, logEnds, comparePositions } from './event-log.ts';
import { bareEvent, readSubjects } from './event-subjects.ts';
import { pastEvents } from './past.ts';
import { pauseQueue } from './pause.ts';

const PRESENTATION = { publicUrl: null, resultTtlDays: 30 };

describe('events of the past', requires('redis-server|valkey-server'), () => {
  let server: TestRedis;
  let records: TestRecords;
  let opened = 0;
  beforeAll(async () => {
    server = await startRedis();
  });
  beforeEach(() => {
    opened += 1;
    records = openTestRecords(server.url, `past${opened}`);
  });
  afterEach(() => records.close());
  afterAll(() => server?.stop());

  /** The latest event, told from the record as it is now. */
  async function now(id: string): Promise<Event> {
    const hash = await records.store.redis.hgetall(records.store.keys.generation(id));
    const last = pastEvents(hash).at(-1)!;
    return presentEvent({ type: `generation.${last.status}`, atMs: last.atMs, subject: id }, hash, PRESENTATION);
  }

  /** A millisecond passes for Redis: what happened before it is told apart from what comes after. */
  async function tick(): Promise<void> {
    const time = async () => (await records.store.redis.time()).map(Number);
    const [seconds = 0, micros = 0] = await time();
    const until = seconds * 1000 + micros / 1000 + 2;
    for (let at = 0; at < until; ) {
      const [s = 0, us = 0] = await time();
      at = s * 1000 + us / 1000;
    }
  }

  async function story(id: string, steps: readonly (() => Promise<unknown>)[]): Promise<Event[]> {
    const told = [await now(id)];
    for (const step of steps) {
      await tick();
      await step();
      told.push(await now(id));
    }
    return told;
  }

  it('every event of a record is told later as it was told then, through failures, retries and answers', async () => {
    const id = await records.accepted({ policy: 'hold', request: requestOf({ metadata: { a: '1' } }) });
    const claim = (run: number) => () => records.claimed(id, { run, token: `t${run}${opened}` });
    const told = await story(id, [
      claim(1),
      () => records.release(id, `t1${opened}`, 'invalid_request', { message: 'it has | in it' }),
      () => records.reopen(id),
      claim(2),
      () => records.release(id, `t2${opened}`, 'timeout'),
      () => records.reopen(id, { action: 'resolve_retry', charged: true }),
      () => records.cancel(id),
      () => records.reopen(id),
      claim(4),
      () => records.publish(id, `t4${opened}`),
    ]);
    expect(told.map(({ type }) => type.split('.')[1])).toEqual([
      ...['queued', 'processing', 'failed', 'queued', 'processing', 'needs_review', 'queued', 'canceled'],
      ...['queued', 'processing', 'succeeded'],
    ]);
    const subject = (await readSubjects(records.store, [id, 'gen_none'], PRESENTATION)).get(id)!;
    const later = subject.history.map((event) => subject.body(event));
    // But for what a person found out later about the call that nobody knew about.
    const unsaid = (events: Event[]): unknown =>
      JSON.parse(JSON.stringify(events).replaceAll('"unknown","charge":"charged"', '"unknown","charge":"unknown"'));
    expect(unsaid(later)).toEqual(unsaid(told));
  });

  it('a call that outlives a cancel is told as open at the cancel, once something came after it', async () => {
    const id = await records.accepted();
    const token = await records.claimed(id);
    await tick();
    await records.cancel(id);
    const atCancel = await now(id);
    await tick();
    await records.release(id, token, 'invalid_request');
    await records.reopen(id);
    const subject = (await readSubjects(records.store, [id], PRESENTATION)).get(id)!;
    const canceled = subject.history.find(({ status }) => status === 'canceled')!;
    expect(subject.body(canceled)).toEqual(atCancel);
    expect(atCancel.data).toMatchObject({ attempts: [{ finished_at: null, charge: null }] });
  });

  it('a stream tells what a webhook tells', async () => {
    const webhook = { url: 'https://hooks.example.org/', events: ['generation.queued', 'generation.canceled'] };
    const id = await records.accepted({ request: requestOf({ webhook } as object) });
    await tick();
    await records.cancel(id);
    await tick();
    await records.reopen(id);
    const { redis, keys } = records.store;
    const told: Event[] = [];
    for (const delivery of await redis.zrange(`${keys.root}dg:${id}`, '0', '-1')) {
      const event = await redis.hgetall(`${keys.root}e:${(await redis.hget(`${keys.root}d:${delivery}`, 'event'))!}`);
      const about = { type: event['type']!, atMs: Number(event['at']), subject: id };
      told.push(presentEvent(about, fieldsOf(event['snapshot']!), PRESENTATION));
    }
    const subject = (await readSubjects(records.store, [id], PRESENTATION)).get(id)!;
    expect(told).toHaveLength(3);
    expect(subject.history.map((event) => subject.body(event))).toEqual(told);
  });

  it('the shared stream is read forward and backward, and each entry leads to its event', async () => {
    expect(await logEnds(records.store)).toBeNull();
    const id = await records.accepted();
    await records.cancel(id);
    await pauseQueue(records.store, { name: 'generate', prefix: `past${opened}`, reason: 'lunch', by: 'key_1' });
    const entries = await logAfter(records.store, '0-0', 10);
    expect(entries.map(({ type }) => type)).toEqual(['generation.queued', 'generation.canceled', 'queue.paused']);
    expect(await logBefore(records.store, null, 10)).toEqual(entries.toReversed());
    expect(await logAfter(records.store, entries[1]!.position, 10)).toEqual([entries[2]]);
    expect(await logEnds(records.store)).toEqual({ oldest: entries[0]!.position, newest: entries[2]!.position });
    const subject = (await readSubjects(records.store, [id], PRESENTATION)).get(id)!;
    expect(entries.slice(0, 2).map((entry) => subject.bodyOf(entry)?.data['status'])).toEqual(['queued', 'canceled']);
    expect(subject.bodyOf({ ...entries[0]!, sequence: 99 })).toBeNull();
    expect(bareEvent(entries[2]!)).toMatchObject({
      type: 'queue.paused',
      data: { name: 'generate', reason: 'lunch' },
    });
  });
});

it('positions are compared by their numbers', () => {
  const sorted = ['9-1', '10-0', '10-2', '10-10', '11-0'];
  expect(sorted.toReversed().sort(comparePositions)).toEqual(sorted);
  expect(comparePositions('10-2', '10-2')).toBe(0);
});
