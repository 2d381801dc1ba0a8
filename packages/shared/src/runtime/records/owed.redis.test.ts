import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openTestRecords, requestOf, type TestRecords } from '../../testing/records.ts';
import { startRedis, type TestRedis } from '../../testing/redis.ts';
import { type FaultProxy, startProxy } from '../../testing/tcp-proxy.ts';
import { newId } from '../ids.ts';
import { claimDelivery, type EndInput, endDelivery, feedDeliveries, freezeBody } from './deliver.ts';
import { recoverDeliveries, recoverPage, redeliver, retainDeliveries } from './deliver-again.ts';
import { listDeliveries } from './delivery-list.ts';
import { eraseEndpoint, readEndpoint, saveEndpoint } from './endpoints.ts';
import { eraseGeneration } from './erase.ts';
import { fieldsOf, presentEvent } from './event-body.ts';
import { oweEvent } from './owe.ts';
import { pauseQueue, resumeQueue } from './pause.ts';
import { retainPage } from './retain.ts';
import { loadScript } from './store.ts';
import { newSecret, readSecret, rotateSecret } from './webhook-secret.ts';

let server: TestRedis;
let proxy: FaultProxy;
let prefixes = 0;

beforeAll(async () => {
  server = await startRedis();
  proxy = await startProxy({ to: server.url });
});
afterAll(async () => {
  await proxy.stop();
  await server.stop();
});

const URL_ = 'https://hooks.example.com/x?a=1';
const HOUR = 3_600_000;
const webhook = { url: URL_, events: ['generation.queued', 'generation.canceled'] };
const withHook = () => requestOf({ webhook } as Parameters<typeof requestOf>[0]);

async function withRecords(work: (records: TestRecords) => Promise<void>): Promise<void> {
  prefixes += 1;
  const records = openTestRecords(server.url, `o${prefixes}`);
  try {
    await work(records);
  } finally {
    records.close();
  }
}

const endpoint = (records: TestRecords, id: string, events: readonly string[], project = 'p') =>
  saveEndpoint(records.store, { id, project, secret: 'whsec_AAAA', url: URL_, events, description: '', enabled: true });
const feed = (records: TestRecords, aheadMs = 0) =>
  feedDeliveries(records.store, { most: 100, windowSize: 100, aheadMs });
const ended: Omit<EndInput, 'id' | 'number'> = {
  ...{ outcome: 'failed', statusCode: 500, error: 'status', answer: '', durationMs: 1, throttleMs: 0, startedMs: 1 },
  ...{ againMs: 1000, pauseMs: 5000, aheadMs: 0 },
};
const deliveriesOf = async (records: TestRecords, subject: string) => {
  const all = { project: null, statuses: null, endpointId: null, eventId: null, limit: 100, after: null };
  return (await listDeliveries(records.store, { ...all, subject })).deliveries;
};
const keysLike = (records: TestRecords, pattern: string) =>
  records.store.redis.keys(`${records.store.keys.root}${pattern}`);

describe('what is owed', () => {
  it('is written in the step that changes the state, for the own URL and each endpoint', () =>
    withRecords(async (records) => {
      await endpoint(records, 'whe_1', ['generation.queued']);
      await endpoint(records, 'whe_2', ['generation.succeeded']);
      await endpoint(records, 'whe_3', ['generation.queued'], 'q');
      const id = await records.accepted({ request: withHook() });
      const written = await deliveriesOf(records, id);
      expect(new Set(written.map((each) => each.endpoint_id))).toEqual(new Set(['whe_1', null]));
      expect(new Set(written.map((each) => each.event_id)).size).toBe(1);
      expect(await keysLike(records, 'e:*')).toHaveLength(1);
      await records.cancel(id);
      expect(await deliveriesOf(records, id)).toHaveLength(3);
    }));

  it('costs nothing when nobody asked for it', () =>
    withRecords(async (records) => {
      await records.publish(...(await claimedPair(records)));
      expect(await keysLike(records, '[ed]:*')).toEqual([]);
    }));

  it('has the same ids when Redis forgot the step and it is taken again', () =>
    withRecords(async (records) => {
      const { redis, keys } = records.store;
      const id = newId('gen');
      const idsAfter = async () => {
        await records.accepted({ id, request: withHook() });
        await records.cancel(id);
        return (await deliveriesOf(records, id)).map((each) => [each.event_id, each.id]);
      };
      const before = await idsAfter();
      for (const name of await redis.keys(`${keys.root}*`)) await redis.del(name);
      expect(await idsAfter()).toEqual(before);
      expect(before).toHaveLength(2);
    }));

  it('tells operators of holds and pauses once each, and nobody else', () =>
    withRecords(async (records) => {
      const types = ['account.held', 'account.resumed', 'queue.paused', 'queue.resumed'];
      await endpoint(records, 'whe_1', types, 'ops');
      const id = await records.accepted();
      await records.release(id, await records.claimed(id), 'account', { hold: 'account', message: 'no money' });
      const prefix = `o${prefixes}`;
      const pause = { name: 'references', prefix, reason: 'a look', by: 'key_1' } as const;
      await pauseQueue(records.store, pause);
      await pauseQueue(records.store, pause);
      await resumeQueue(records.store, pause);
      const { pointers } = await feed(records);
      const bodies = [];
      for (const pointer of pointers) {
        const claimed = (await claimDelivery(records.store, { pointer, newSecret: 'whsec_', aheadMs: 0 }))!;
        const about = { type: claimed.type, atMs: claimed.eventMs, subject: claimed.subject };
        bodies.push(presentEvent(about, fieldsOf(claimed.snapshot), { publicUrl: null, resultTtlDays: 30 }));
      }
      expect(bodies.map(({ type }) => type).toSorted()).toEqual(['account.held', 'queue.paused', 'queue.resumed']);
      expect(bodies.find(({ type }) => type === 'account.held')?.data).toEqual({
        ...{ object: 'hold', scope: 'account', model: null, code: 'upstream_unavailable', reason: 'no money' },
      });
      expect(bodies.find(({ type }) => type === 'queue.paused')?.data).toEqual({
        ...{ object: 'queue', name: 'references', reason: 'a look', by: 'key_1' },
      });
    }));

  it('goes with its generation, and by age, and leaves nothing behind', () =>
    withRecords(async (records) => {
      const { redis, keys } = records.store;
      await endpoint(records, 'whe_1', ['generation.queued']);
      const [deleted, packed, old] = [
        await records.accepted({ request: withHook() }),
        await records.accepted({ request: withHook() }),
        await records.accepted({ request: withHook() }),
      ];
      for (const id of [deleted, packed]) await records.cancel(id);
      await retainPage(records.store, { step: 'settled', ageMs: -HOUR, most: 10 });
      await feed(records);
      await eraseGeneration(records.store, deleted, 90);
      await eraseGeneration(records.store, packed, 90);
      expect(await deliveriesOf(records, deleted)).toEqual([]);
      expect(await deliveriesOf(records, old)).toHaveLength(2);
      expect(await retainDeliveries(records.store, { project: 'p', ageMs: HOUR, most: 10 })).toBe(0);
      expect(await retainDeliveries(records.store, { project: 'p', ageMs: -HOUR, most: 10 })).toBe(2);
      await eraseEndpoint(records.store, { id: 'whe_1', project: 'p' });
      for (const pattern of ['e:*', 'd:*', 'dg:*', 'dl:*', 'de:*', 'line:*', 'owed', 'deliver-window', 'ep:*']) {
        expect(await keysLike(records, pattern), pattern).toEqual([]);
      }
      for (const name of await redis.keys(`${keys.root}tg:*`)) expect(await redis.ttl(name)).toBeGreaterThan(0);
    }));

  it('a hundred at once stay within what one script may take', () =>
    withRecords(async (records) => {
      const { redis } = records.store;
      await redis.config('SET', 'slowlog-log-slower-than', '0');
      await endpoint(records, 'whe_1', ['generation.queued']);
      const times: number[] = [];
      const request = JSON.stringify(withHook());
      for (let n = 0; n < 5; n++) {
        const items = Array.from({ length: 100 }, () => newId('gen')).flatMap((id) => [
          ...[id, 'bulk', 'music-01', 'retry', 0, 0, request],
        ]);
        await redis.call('SLOWLOG', 'RESET');
        await loadScript('accept').run(records.store, ['', '', 1_000_000, 'p', 100, ...items]);
        const log = (await redis.call('SLOWLOG', 'GET', '10')) as [number, number, number, string[]][];
        times.push(log.find(([, , , [command]]) => /^eval/i.test(command!))![2] / 1000);
      }
      const fastest = Math.min(...times);
      console.log(`accept with 100 items and 200 deliveries owed: fastest ${fastest} ms`);
      expect(fastest).toBeLessThan(40);
    }));
});

async function claimedPair(records: TestRecords): Promise<[string, string]> {
  const id = await records.accepted();
  return [id, await records.claimed(id)];
}

describe('a target', () => {
  const wave = async (records: TestRecords, count: number) => {
    for (let n = 0; n < count; n++) await oweEvent(records.store, pingOf(`${n}`));
  };
  const pingOf = (name: string) => ({
    ...{
      type: 'ping' as const,
      subject: 'whe_1',
      name,
      data: { endpoint_id: 'whe_1' },
      project: 'p',
      endpoint: 'whe_1',
    },
  });

  it('gets more at once while it takes them, few after a failure, and one at a time when it fails again and again', () =>
    withRecords(async (records) => {
      await endpoint(records, 'whe_1', ['generation.queued']);
      await wave(records, 60);
      const end = async (outcome: 'succeeded' | 'failed', aheadMs = 0) => {
        const { pointers } = await feed(records, aheadMs);
        for (const { id, run } of pointers) {
          await endDelivery(records.store, { ...ended, id, number: run, outcome, againMs: 10 * HOUR, aheadMs });
        }
        return pointers.length;
      };
      expect(await end('succeeded')).toBe(4);
      expect(await end('succeeded')).toBe(8);
      expect(await end('succeeded')).toBe(16);
      expect(await end('failed')).toBe(32);
      // One pause after the other, each twice as long, up to a minute.
      await wave(records, 0);
      expect(await end('failed')).toBe(0);
      await oweEvent(records.store, pingOf('more'));
      await oweEvent(records.store, pingOf('and more'));
      expect(await end('failed', 59_000)).toBe(0);
      expect(await end('failed', 61_000)).toBe(1);
      expect(await end('succeeded', 122_000)).toBe(1);
      expect(await end('succeeded', 11 * HOUR)).toBeGreaterThan(4);
    }));

  it('of a project with many that are slow leaves room for those of others', () =>
    withRecords(async (records) => {
      await endpoint(records, 'whe_1', ['generation.queued'], 'other');
      for (let n = 0; n < 40; n++) {
        await endpoint(records, `whe_s${n}`, []);
        for (let m = 0; m < 4; m++) {
          await oweEvent(records.store, { ...pingOf(`${n} ${m}`), subject: `whe_s${n}`, endpoint: `whe_s${n}` });
        }
      }
      const all = async (fromMs: number) => {
        const taken = [];
        for (let n = 0; n < 4; n++) {
          const { pointers } = await feedDeliveries(records.store, {
            most: 100,
            windowSize: 1000,
            aheadMs: fromMs + n * 300,
          });
          taken.push(...pointers);
        }
        return taken;
      };
      const slow = await all(0);
      expect(slow).toHaveLength(100);
      await records.accepted({ project: 'other' });
      expect(await all(0)).toHaveLength(1);
      await endDelivery(records.store, { ...ended, id: slow[0]!.id, number: 1, outcome: 'succeeded' });
      expect(await all(9000)).toHaveLength(1);
    }));

  it('that is disabled or deleted gets nothing more: what waits is canceled', () =>
    withRecords(async (records) => {
      await endpoint(records, 'whe_1', ['generation.queued']);
      await wave(records, 151);
      // One failed and waits for hours.
      const [waits, ...pointers] = (await feed(records)).pointers;
      await endDelivery(records.store, { ...ended, id: waits!.id, number: 1, againMs: 9 * HOUR });
      const known = (await readEndpoint(records.store, 'whe_1'))!;
      await saveEndpoint(records.store, { ...known, secret: null, enabled: false });
      for (let n = 0; n < 3; n++) expect((await feed(records)).pointers).toEqual([]);
      for (const pointer of pointers) {
        expect(await claimDelivery(records.store, { pointer, newSecret: '', aheadMs: 0 })).toBeNull();
      }
      const { redis, keys } = records.store;
      expect(await redis.zcard(`${keys.root}dl:p:canceled`)).toBe(151);
      expect(await redis.zcard(`${keys.root}deliver-window`)).toBe(0);
      expect(await redis.zcard(`${keys.root}owed`)).toBe(0);
    }));

  it('that rests as its receiver asked begins anew when it gets another URL, and not when only its text changes', () =>
    withRecords(async (records) => {
      await endpoint(records, 'whe_1', ['generation.queued']);
      await oweEvent(records.store, pingOf('0'));
      const [sent] = (await feed(records)).pointers;
      await endDelivery(records.store, { ...ended, id: sent!.id, number: 1, throttleMs: HOUR, againMs: 9 * HOUR });
      await oweEvent(records.store, pingOf('1'));
      const known = (await readEndpoint(records.store, 'whe_1'))!;
      await saveEndpoint(records.store, { ...known, secret: null, description: 'the same receiver' });
      expect((await feed(records, 1000)).pointers).toEqual([]);
      await saveEndpoint(records.store, { ...known, secret: null, url: 'https://elsewhere.example.com/' });
      expect((await feed(records, 1000)).pointers).toHaveLength(1);
    }));

  it('that was deleted while something was sent to it waits for no further attempt', () =>
    withRecords(async (records) => {
      await endpoint(records, 'whe_1', ['generation.queued']);
      await records.accepted({});
      const [sent] = (await feed(records)).pointers;
      await eraseEndpoint(records.store, { id: 'whe_1', project: 'p' });
      const end = await endDelivery(records.store, { ...ended, id: sent!.id, number: 1, againMs: 9 * HOUR });
      expect(end).toEqual({ status: 'canceled', nextMs: null });
      expect(await keysLike(records, 'line:*')).toEqual([]);
    }));
});

describe('secrets', () => {
  it('that were rotated again and again sign no more than so many at once, the newest among them', () =>
    withRecords(async (records) => {
      await endpoint(records, 'whe_1', ['generation.queued']);
      const made: string[] = [];
      for (let n = 0; n < 20; n++) {
        const owner = { endpoint: 'whe_1', project: 'p' };
        made.push(newSecret());
        await rotateSecret(records.store, { owner, overlapMs: HOUR, fresh: made.at(-1)! });
      }
      await records.accepted({});
      const [pointer] = (await feed(records)).pointers;
      const claimed = await claimDelivery(records.store, { pointer: pointer!, newSecret: '', aheadMs: 0 });
      const [newest, ...old] = claimed!.secrets;
      expect(newest).toBe(made.at(-1));
      expect(old).toEqual(made.slice(-9, -1));
    }));
});

interface Situation {
  readonly script: string;
  readonly title: string;
  readonly before?: (records: TestRecords) => Promise<unknown>;
  readonly run: (records: TestRecords) => Promise<unknown>;
}

const G = 'gen_1';
const owed = (records: TestRecords) => records.accepted({ id: G, request: withHook() });
const told = async (records: TestRecords) => {
  await endpoint(records, 'whe_1', ['generation.queued']);
  await records.accepted({ id: G });
};
const fed = async (records: TestRecords) => {
  await told(records);
  await feed(records);
};
const idOf = async (records: TestRecords) => (await deliveriesOf(records, G))[0]!.id;
const end =
  (more: Partial<EndInput>) =>
  async (records: TestRecords): Promise<unknown> =>
    endDelivery(records.store, { ...ended, id: await idOf(records), number: 1, ...more });
const failed = async (records: TestRecords) => {
  await fed(records);
  await end({ againMs: null })(records);
};

const KEYED = { key: 'k', fingerprint: 'f' };

const SITUATIONS: readonly Situation[] = [
  { script: 'accept', title: 'with what it owes', run: owed },
  { script: 'cancel', title: 'with what it owes', before: owed, run: (records) => records.cancel(G, 'op') },
  {
    script: 'publish',
    title: 'with what it owes',
    before: async (records) => {
      await endpoint(records, 'whe_1', ['generation.succeeded']);
      await records.accepted({ id: G });
      await records.claimed(G, { token: 't1' });
    },
    run: (records) => records.publish(G, 't1'),
  },
  {
    script: 'deliver-claim',
    title: 'an attempt',
    before: fed,
    run: async (records) =>
      claimDelivery(records.store, {
        pointer: { id: await idOf(records), run: 1, priority: 'normal' },
        newSecret: 'whsec_n',
        aheadMs: 0,
      }),
  },
  {
    script: 'deliver-freeze',
    title: 'a body',
    before: fed,
    run: async (records) => freezeBody(records.store, (await deliveriesOf(records, G))[0]!.event_id, '{}'),
  },
  { script: 'deliver-end', title: 'a success', before: fed, run: end({ outcome: 'succeeded', error: null }) },
  { script: 'deliver-end', title: 'a failure', before: fed, run: end({}) },
  { script: 'deliver-end', title: 'the last failure', before: fed, run: end({ againMs: null }) },
  { script: 'deliver-end', title: 'a throttling answer', before: fed, run: end({ throttleMs: HOUR }) },
  { script: 'deliver-end', title: 'an endpoint that is gone', before: fed, run: end({ outcome: 'gone' }) },
  {
    script: 'deliver-end',
    title: 'a URL that is gone',
    before: async (records) => {
      await owed(records);
      await feed(records);
      await records.accepted({ id: 'gen_2', request: withHook() });
    },
    run: end({ outcome: 'gone' }),
  },
  {
    script: 'deliver-again',
    title: 'one that failed',
    before: failed,
    run: async (records) => redeliver(records.store, { id: await idOf(records), operation: 'op' }),
  },
  {
    script: 'deliver-again',
    title: 'one with a key',
    before: failed,
    run: async (records) => redeliver(records.store, { id: await idOf(records), operation: 'op', idempotency: KEYED }),
  },
  {
    script: 'deliver-recover',
    title: 'a start',
    before: failed,
    run: (records) => recoverDeliveries(records.store, { endpoint: 'whe_1', sinceMs: 0, untilMs: 2e12, dryRun: false }),
  },
  {
    script: 'deliver-retain',
    title: 'nothing old',
    before: failed,
    run: ({ store }) => retainDeliveries(store, { project: 'p', ageMs: HOUR, most: 5 }),
  },
  {
    script: 'endpoint-save',
    title: 'a new one',
    run: (records) => endpoint(records, 'whe_1', ['generation.queued', 'account.held']),
  },
  {
    script: 'endpoint-save',
    title: 'one with a key',
    run: ({ store }) =>
      saveEndpoint(store, {
        ...{ id: 'whe_1', project: 'p', secret: 's', url: URL_, events: [], description: '', enabled: false },
        idempotency: { key: 'k', fingerprint: 'f' },
      }),
  },
  {
    script: 'endpoint-save',
    title: 'a change',
    before: (records) => endpoint(records, 'whe_1', ['generation.queued']),
    run: ({ store }) =>
      saveEndpoint(store, {
        ...{ id: 'whe_1', project: 'p', secret: null, url: URL_, events: ['generation.failed'], description: 'x' },
        enabled: false,
      }),
  },
  {
    script: 'endpoint-erase',
    title: 'one with something in line',
    before: told,
    run: ({ store }) => eraseEndpoint(store, { id: 'whe_1', project: 'p', operation: 'op' }),
  },
  {
    script: 'owe',
    title: 'a ping',
    before: (records) => endpoint(records, 'whe_1', []),
    run: ({ store }) =>
      oweEvent(store, {
        ...{ type: 'ping', subject: 'whe_1', name: 'n', data: {}, project: 'p', endpoint: 'whe_1' },
      }),
  },
  {
    script: 'owe',
    title: 'a ping with a key',
    before: (records) => endpoint(records, 'whe_1', []),
    run: ({ store }) =>
      oweEvent(store, {
        ...{ type: 'ping', subject: 'whe_1', name: 'n', data: {}, project: 'p', endpoint: 'whe_1' },
        idempotency: KEYED,
      }),
  },
  {
    script: 'secret-rotate',
    title: 'one with a key',
    before: (records) => endpoint(records, 'whe_1', []),
    run: ({ store }) =>
      rotateSecret(store, {
        ...{ owner: { endpoint: 'whe_1', project: 'p' }, fresh: 'whsec_n', overlapMs: HOUR, operation: 'op' },
        idempotency: KEYED,
      }),
  },
];

describe('scripts of deliveries run twice, because a reply was cut off, are run once', () => {
  it.each(SITUATIONS)('$script: $title', async (situation) => {
    prefixes += 1;
    const once = await play(situation, `once${prefixes}`, false);
    expect(await play(situation, `twice${prefixes}`, true)).toEqual(once);
  });

  it('secret-rotate: one operation makes one secret', () =>
    withRecords(async (records) => {
      const first = await readSecret(records.store, 'p');
      const run = (operation: string, fresh: string, key?: string) => {
        const idempotency = key === undefined ? null : { key, fingerprint: 'f' };
        return rotateSecret(records.store, { owner: { project: 'p' }, overlapMs: HOUR, operation, fresh, idempotency });
      };
      for (let n = 0; n < 2; n++) expect(await run('op', 'whsec_1')).toBe('rotated');
      expect(await readSecret(records.store, 'p')).toBe('whsec_1');
      const old = await records.store.redis.hget(`${records.store.keys.root}ws:p`, 'old_secrets');
      expect(JSON.parse(old!)).toMatchObject([{ secret: first }]);
      // With a key it is known for itself even when another one came between.
      expect(await run('a', 'whsec_a', 'A')).toBe('rotated');
      expect(await run('b', 'whsec_b', 'B')).toBe('rotated');
      expect(await run('a', 'whsec_a', 'A')).toBe('rotated');
      expect(await run('c', 'whsec_c', 'A')).toBe('replayed');
      expect(await readSecret(records.store, 'p')).toBe('whsec_b');
    }));

  it('deliver-feed and deliver-recover go on with further ones', () =>
    withRecords(async (records) => {
      await told(records);
      await feed(records);
      expect((await feed(records)).pointers).toEqual([]);
      await end({ againMs: null })(records);
      expect(await recoverPage(records.store, 10, 0)).toBe(0);
      const span = { endpoint: 'whe_1', sinceMs: 0, untilMs: 2e12, dryRun: false };
      expect(await recoverDeliveries(records.store, span)).toBe(1);
      expect(await recoverPage(records.store, 1, 0)).toBe(1);
      expect(await recoverPage(records.store, 1, 0)).toBe(0);
      expect((await feed(records, HOUR)).pointers).toMatchObject([{ run: 2 }]);
    }));

  it('deliver-recover takes a span that begins before 1970, and again while it is under way', () =>
    withRecords(async (records) => {
      await told(records);
      await feed(records);
      await end({ againMs: null })(records);
      const span = { endpoint: 'whe_1', sinceMs: Date.parse('0001-01-01T00:00:00Z'), untilMs: 2e12, dryRun: false };
      for (let n = 0; n < 2; n++) expect(await recoverDeliveries(records.store, span)).toBe(1);
      expect(await recoverPage(records.store, 10, 0)).toBe(1);
      expect(await keysLike(records, 'recoveries')).toEqual([]);
    }));
});

const runsScript = (request: Buffer) => /\r\neval(sha)?\r\n/.test(request.toString('latin1'));

async function play(situation: Situation, prefix: string, cut: boolean): Promise<unknown> {
  const before = openTestRecords(server.url, prefix);
  const acting = openTestRecords(cut ? proxy.url : server.url, prefix);
  acting.store.redis.options.retryStrategy = () => 5;
  try {
    await situation.before?.(before);
    await acting.store.redis.ping();
    const dropped = cut ? proxy.dropReplies(1, runsScript) : Promise.resolve(0);
    const answer = await situation.run(acting);
    await proxy.heal();
    expect(await dropped).toBe(cut ? 1 : 0);
    return withoutTimes([answer, await stateOf(before, prefix)]);
  } finally {
    before.close();
    acting.close();
  }
}

async function stateOf({ store: { redis } }: TestRecords, prefix: string): Promise<unknown> {
  const root = `{${prefix}}:`;
  const state: Record<string, unknown> = {};
  for (const name of (await redis.keys(`${root}*`)).toSorted()) {
    const type = await redis.type(name);
    const at = name.slice(root.length);
    if (type === 'hash') state[at] = await redis.hgetall(name);
    else if (type === 'zset') state[at] = await redis.zrange(name, '0', '-1', 'WITHSCORES');
    else if (type === 'set') state[at] = (await redis.smembers(name)).toSorted();
    else if (type === 'stream') state[at] = (await redis.xrange(name, '-', '+')).map(([, fields]) => fields);
    else if (type === 'string') state[at] = await redis.get(name);
  }
  return state;
}

/** Times become 0; ids made from them are none of the situations'. */
function withoutTimes(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value ?? null).replaceAll(/(?<!\d)1\d{12}(\d{3})?(?!\d)/g, '0'));
}
