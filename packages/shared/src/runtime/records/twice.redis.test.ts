import { readdirSync } from 'node:fs';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OUTCOME_TABLE, type OutcomeKind } from '../../contract/outcomes.ts';
import { openTestRecords, requestOf, songOf, type TestRecords } from '../../testing/records.ts';
import { startRedis, type TestRedis } from '../../testing/redis.ts';
import { headerOf } from '../../testing/script-headers.ts';
import { type FaultProxy, startProxy } from '../../testing/tcp-proxy.ts';
import { itemId } from '../ids.ts';
import { acceptBatch, type NewBatch } from './batches.ts';
import { brakeStarts, freeProbed, freeResumed } from './brake.ts';
import { abortBulkAction, type BulkStart, startBulkAction } from './bulk-actions.ts';
import { noteStorageTrouble } from './storage-trouble.ts';
import { closeDeadCall } from './died.ts';
import { eraseGeneration } from './erase.ts';
import { beat, feedWindow, findMissingPointers, takeDue } from './feed.ts';
import { probeHoldsNow } from './hold.ts';
import { markAnswered, publishGeneration } from './publish.ts';
import { reapDeadCalls } from './reap.ts';
import { failIngest, ingestItems } from './ingest.ts';
import type { ReleaseInput } from './release.ts';
import { retainPage } from './retain.ts';
import { loadScript } from './store.ts';

let server: TestRedis;
let proxy: FaultProxy;
let direct: Redis;

beforeAll(async () => {
  server = await startRedis();
  proxy = await startProxy({ to: server.url });
  direct = new Redis(server.socket);
});
afterAll(async () => {
  direct.disconnect();
  await proxy.stop();
  await server.stop();
});

interface Situation {
  readonly title: string;
  /** What happened before; ids and tokens are fixed, so that two runs can be compared. */
  readonly before?: (records: TestRecords) => Promise<unknown>;
  /** One run of the script. */
  readonly run: (records: TestRecords) => Promise<unknown>;
}

const HOUR = 3_600_000;
const LOW = { code: 'low', reason: 'no room' } as const;
const [AHEAD, PAST] = ['2100-01-01T00:00:00.000Z', '2000-01-01T00:00:00.000Z'];
const G = 'gen_1';
const upstream = { http_status: 200, code: 1, message: 'said so', trace_id: 't' };
const key = (fingerprint: string) => ({ key: 'k', fingerprint });

const ACTION: BulkStart = {
  ...{ id: 'blk_1', idempotency: null, project: 'p', action: 'cancel', filter: { status: ['queued'] }, params: {} },
  ...{ matched: 1, createdBy: 'key_1', batch: null },
};
const OF_BATCH: BulkStart = { ...ACTION, batch: { id: 'bat_1', statuses: ['queued'] } };
const withBatch = ({ store }: TestRecords) =>
  acceptBatch(store, {
    ...{ id: 'bat_1', project: 'p', valid: 1, bytes: 1, skipped: 0, idempotency: null, maxWaiting: 9 },
    ...{ options: { name: null, metadata: {}, webhook: null }, models: {}, prices: {} },
  });

const accepted = (records: TestRecords) => records.accepted({ id: G });
const claimed = async (records: TestRecords) => {
  await accepted(records);
  await records.alive('w1');
  await records.claimed(G, { token: 't1' });
};
/** A call under limits that a worker wrote. */
const paced = async (records: TestRecords) => {
  await claimed(records);
  const { redis, keys } = records.store;
  for (const each of [keys.rate, keys.bull('meta')]) await redis.hset(each, { max: 1, duration: 10_000 });
};
const outOfReach = async (records: TestRecords) => {
  await accepted(records);
  await records.alive('w1');
  for (let n = 0; n < 5; n++) {
    await records.claimed(G, { token: `n${n}` });
    await records.release(G, `n${n}`, 'not_sent');
  }
};
const outOfReachProbing = async (records: TestRecords) => {
  await outOfReach(records);
  await probeHoldsNow(records.store);
  await records.claimed(G, { token: 'probe' });
};
const dead = async (records: TestRecords) => {
  await claimed(records);
  await records.dead('w1');
};
const failed = async (records: TestRecords) => {
  await claimed(records);
  await records.release(G, 't1', 'content_rejected');
};
const canceled = async (records: TestRecords) => {
  await claimed(records);
  await records.cancel(G, 'before');
};
const erased = async (records: TestRecords) => {
  await canceled(records);
  await eraseGeneration(records.store, G, 90);
};
const inReview = async (records: TestRecords) => {
  await claimed(records);
  await records.release(G, 't1', 'timeout', { maxUnknownCharges: 1 });
};
const succeeded = async (records: TestRecords) => {
  await claimed(records);
  await records.publish(G, 't1');
};
const DEAD = { id: G, token: 't1', worker: 'w1', maxAttempts: 5, maxUnknownCharges: 2 };
const died = ({ store }: TestRecords) => closeDeadCall(store, DEAD);
/** `gen_0` tripped a hold whose probe is due now. */
const held = async (records: TestRecords, scope = 'account') => {
  await records.accepted({ id: 'gen_0' });
  await records.claimed('gen_0', { token: 't0' });
  await records.release('gen_0', 't0', 'account', { hold: scope });
};
const probing = async (records: TestRecords) => {
  await held(records);
  await probeHoldsNow(records.store);
  await claimed(records);
};
const windowSize = (records: TestRecords, size: number) =>
  records.store.redis.set(`${records.store.keys.root}window-size`, String(size));
const release =
  (kind: Exclude<OutcomeKind, 'song'>, more: Partial<ReleaseInput> = {}) =>
  (records: TestRecords) =>
    records.release(G, 't1', kind, { upstream, ...more });

const BATCH = 'bat_0190000000007000800000000000abcd';
const newBatch = ({ store }: TestRecords, more: Partial<NewBatch> = {}) =>
  acceptBatch(store, {
    ...{ id: BATCH, project: 'p', valid: 2, bytes: 200, skipped: 1, idempotency: null, maxWaiting: 1000 },
    ...{ options: { name: null, metadata: {}, webhook: null }, models: { 'music-01': 2 }, prices: {} },
    ...more,
  });
const ingest = ({ store }: TestRecords, index: number) =>
  ingestItems(store, {
    ...{ id: BATCH, from: index * 100, to: (index + 1) * 100 },
    items: [{ id: itemId(BATCH, index), index, policy: 'retry', request: requestOf({ priority: 'bulk' }) }],
  });

const kinds = (Object.keys(OUTCOME_TABLE) as OutcomeKind[]).filter((kind) => kind !== 'song');

const SITUATIONS: Readonly<Record<string, readonly Situation[]>> = {
  accept: [
    { title: 'a fresh one', run: (records) => records.accept({ id: G }) },
    { title: 'a scheduled one', run: (records) => records.accept({ id: G, request: requestOf({ run_at: AHEAD }) }) },
    { title: 'a late one', run: (records) => records.accept({ id: G, request: requestOf({ start_by: PAST }) }) },
    {
      title: 'one with a deadline',
      run: (records) => records.accept({ id: G, request: requestOf({ start_by: AHEAD }) }),
    },
    { title: 'a fresh one with a key', run: (records) => records.accept({ id: G, idempotency: key('f') }) },
    {
      title: 'one that has to wait in line',
      before: async (records) => {
        await windowSize(records, 1);
        await records.accepted({ id: 'gen_0' });
      },
      run: (records) => records.accept({ id: G, idempotency: key('f') }),
    },
    {
      title: 'the last one that fits',
      run: (records) => records.accept({ id: G, maxWaiting: 1, idempotency: key('f') }),
    },
    {
      title: 'one too many',
      before: (records) => records.accepted({ id: 'gen_0' }),
      run: (records) => records.accept({ id: G, maxWaiting: 1, idempotency: key('f') }),
    },
    {
      title: 'a replay',
      before: (records) => records.accepted({ id: 'gen_0', idempotency: key('f') }),
      run: (records) => records.accept({ id: G, idempotency: key('f') }),
    },
    {
      title: 'a reused key',
      before: (records) => records.accepted({ id: 'gen_0', idempotency: key('f') }),
      run: (records) => records.accept({ id: G, idempotency: key('g') }),
    },
    {
      title: 'three items over the edge of the window',
      before: (records) => windowSize(records, 2),
      run: ({ store }) => {
        const items = ['gen_1', 'gen_2', 'gen_3'].flatMap((id) => [id, 'bulk', 'music-01', 'retry', 0, 0, '{}']);
        return loadScript('accept').run(store, ['k', 'f', 100, 'p', 3, ...items]);
      },
    },
  ],
  claim: [
    {
      title: 'too late',
      before: async (records) => {
        await records.accepted({ id: G, request: requestOf({ start_by: AHEAD }) });
        await records.store.redis.zadd(records.store.keys.deadlines, 1, G);
      },
      run: (records) => records.claim(G, { token: 't9' }),
    },
    { title: 'out of reach', before: outOfReach, run: (records) => records.claim(G, { token: 't9' }) },
    {
      title: 'the probe',
      before: async (records) => {
        await outOfReach(records);
        await probeHoldsNow(records.store);
      },
      run: (records) => records.claim(G, { token: 't9' }),
    },
    { title: 'a first call', before: accepted, run: (records) => records.claim(G, { token: 't1' }) },
    {
      title: 'a second call of the run',
      before: async (records) => {
        await claimed(records);
        await records.release(G, 't1', 'stated_failure');
      },
      run: (records) => records.claim(G, { token: 't2' }),
    },
    {
      title: 'one that was parked',
      before: async (records) => {
        await claimed(records);
        await records.release(G, 't1', 'rate_limited', { delayMs: HOUR });
        await records.due(G);
      },
      run: (records) => records.claim(G, { token: 't2' }),
    },
    { title: 'a live call', before: claimed, run: (records) => records.claim(G, { token: 't2', worker: 'w2' }) },
    { title: "a dead worker's call", before: dead, run: (records) => records.claim(G, { token: 't2', worker: 'w2' }) },
    {
      title: "a dead worker's last call",
      before: dead,
      run: (records) => records.claim(G, { token: 't2', worker: 'w2', maxUnknownCharges: 1 }),
    },
    {
      title: "a dead worker's call under a hold",
      before: async (records) => {
        await claimed(records);
        await held(records);
        await records.dead('w1');
      },
      run: (records) => records.claim(G, { token: 't2', worker: 'w2' }),
    },
    {
      title: 'limits that were lowered',
      before: async (records) => {
        await claimed(records);
        await records.release(G, 't1', 'timeout');
      },
      run: (records) => records.claim(G, { token: 't2', maxUnknownCharges: 1 }),
    },
    {
      title: 'too early',
      before: async (records) => {
        await claimed(records);
        await records.release(G, 't1', 'not_sent', { delayMs: HOUR });
      },
      run: (records) => records.claim(G, { token: 't2' }),
    },
    { title: 'settled', before: canceled, run: (records) => records.claim(G, { token: 't2' }) },
    { title: 'gone', run: (records) => records.claim(G, { token: 't2' }) },
    {
      title: 'a held account',
      before: async (records) => {
        await held(records);
        await accepted(records);
      },
      run: (records) => records.claim(G, { token: 't1' }),
    },
    {
      title: 'a held model',
      before: async (records) => {
        await held(records, 'model:music-01');
        await accepted(records);
      },
      run: (records) => records.claim(G, { token: 't1' }),
    },
    {
      title: 'a probe',
      before: async (records) => {
        await held(records);
        await probeHoldsNow(records.store);
        await accepted(records);
      },
      run: (records) => records.claim(G, { token: 't1' }),
    },
    {
      title: 'a probe that goes to another one',
      before: async (records) => {
        await held(records);
        await probeHoldsNow(records.store);
        await accepted(records);
      },
      run: (records) => records.claim('gen_0', { token: 't2' }),
    },
  ],
  'accept-batch': [
    { title: 'a fresh one', run: (records) => newBatch(records) },
    { title: 'a fresh one with a key', run: (records) => newBatch(records, { idempotency: key('f') }) },
    { title: 'more than may wait', run: (records) => newBatch(records, { maxWaiting: 1 }) },
    {
      title: 'a replay',
      before: (records) => newBatch(records, { id: 'bat_0', idempotency: key('f') }),
      run: (records) => newBatch(records, { idempotency: key('f') }),
    },
  ],
  ingest: [
    { title: 'the first items', before: (records) => newBatch(records), run: (records) => ingest(records, 0) },
    {
      title: 'the last items',
      before: async (records) => {
        await newBatch(records);
        await ingest(records, 0);
      },
      run: (records) => ingest(records, 1),
    },
    {
      title: 'an item that has to wait in line',
      before: async (records) => {
        await windowSize(records, 1);
        await records.accepted({ id: 'gen_0' });
        await newBatch(records);
      },
      run: (records) => ingest(records, 0),
    },
    {
      title: 'items of a batch that is being canceled',
      before: async (records) => {
        await newBatch(records);
        await records.store.redis.hset(records.store.keys.batch(BATCH), { canceling: 1, cancel_asked: 1 });
        await ingest(records, 0);
      },
      run: (records) => ingest(records, 1),
    },
    {
      title: 'items that another worker recorded',
      before: async (records) => {
        await newBatch(records);
        await ingest(records, 0);
        await ingest(records, 1);
      },
      run: (records) => ingest(records, 0),
    },
    { title: 'a batch that is gone', run: (records) => ingest(records, 0) },
  ],
  'fail-ingest': [
    {
      title: 'the rest is lost',
      before: async (records) => {
        await newBatch(records);
        await ingest(records, 0);
      },
      run: ({ store }) => failIngest(store, BATCH, { code: 'storage_failed', message: 'gone' }),
    },
    {
      title: 'everything is lost',
      before: (records) => newBatch(records),
      run: ({ store }) => failIngest(store, BATCH, { code: 'storage_failed', message: 'gone' }),
    },
  ],
  answered: [
    {
      title: 'an open call',
      before: claimed,
      run: ({ store }) => markAnswered(store, { id: G, token: 't1', worker: 'w1', upstream }),
    },
    {
      title: 'a call that was given up',
      before: async (records) => {
        await dead(records);
        await records.claimed(G, { token: 't2', worker: 'w2' });
        await records.release(G, 't2', 'not_sent');
      },
      run: ({ store }) => markAnswered(store, { id: G, token: 't1', worker: 'w1', upstream: null }),
    },
    {
      title: 'a canceled one',
      before: canceled,
      run: ({ store }) => markAnswered(store, { id: G, token: 't1', worker: 'w1', upstream }),
    },
    {
      title: 'one that was erased meanwhile',
      before: erased,
      run: ({ store }) => markAnswered(store, { id: G, token: 't1', worker: 'w1', upstream }),
    },
    { title: 'gone', run: ({ store }) => markAnswered(store, { id: G, token: 't1', worker: 'w1', upstream }) },
  ],
  release: [
    {
      title: 'a probe out of reach',
      before: outOfReachProbing,
      run: (records) => records.release(G, 'probe', 'not_sent'),
    },
    {
      title: 'a probe that is answered',
      before: outOfReachProbing,
      run: (records) => records.release(G, 'probe', 'rate_limited'),
    },
    ...kinds.map((kind) => ({ title: `after ${kind}`, before: claimed, run: release(kind) })),
    ...kinds.map((kind) => ({
      title: `after ${kind}, with a delay and the last budgets`,
      before: claimed,
      run: release(kind, { delayMs: HOUR, maxAttempts: 1, maxUnknownCharges: 1 }),
    })),
    { title: 'one that trips a hold', before: claimed, run: release('account', { hold: 'account', delayMs: HOUR }) },
    { title: 'a probe that is refused again', before: probing, run: release('account', { hold: 'account' }) },
    { title: 'a probe that learnt nothing', before: probing, run: release('not_sent') },
    { title: 'a probe that lifts the hold', before: probing, run: release('content_rejected') },
    { title: 'a refusal that slows the starts down', before: paced, run: release('rate_limited') },
    {
      title: 'a call that lets them quicken',
      before: async (records) => {
        await paced(records);
        await records.store.redis.hset(records.store.keys.pace, { gap: 20_000, refused: 10_000, at: 1 });
      },
      run: release('stated_failure'),
    },
    {
      title: 'a day of rate limits',
      before: async (records) => {
        await claimed(records);
        await records.store.redis.hset(records.store.keys.generation(G), 'rl_since', '1');
      },
      run: release('rate_limited'),
    },
    {
      title: 'a call held to be dead',
      before: async (records) => {
        await dead(records);
        await records.claimed(G, { token: 't2', worker: 'w2' });
      },
      run: release('stated_failure'),
    },
    { title: 'a call of a canceled one', before: canceled, run: release('timeout') },
    {
      title: 'a call of an older run',
      before: async (records) => {
        await canceled(records);
        await records.reopen(G, { operation: 'again' });
      },
      run: release('timeout'),
    },
    {
      title: 'an answer that was lost',
      before: async (records) => {
        await claimed(records);
        await markAnswered(records.store, { id: G, token: 't1', worker: 'w1', upstream: null });
      },
      run: release('unusable_audio'),
    },
    { title: 'a call whose claim Redis forgot', before: accepted, run: release('timeout') },
    { title: 'a call of one that was erased meanwhile', before: erased, run: release('stated_failure') },
    { title: 'gone', run: release('timeout') },
  ],
  died: [
    { title: 'an open call', before: claimed, run: died },
    {
      title: 'the last call of the run',
      before: async (records) => {
        await claimed(records);
        await records.release(G, 't1', 'timeout');
        await records.claimed(G, { token: 't2' });
      },
      run: ({ store }) => closeDeadCall(store, { ...DEAD, token: 't2' }),
    },
    { title: 'a call of a canceled one', before: canceled, run: died },
    { title: 'a call whose claim Redis forgot', before: accepted, run: died },
    { title: 'a call that was closed', before: succeeded, run: died },
    { title: 'a call of one that was erased meanwhile', before: erased, run: died },
    { title: 'gone', run: died },
  ],
  publish: [
    { title: 'a probe’s song', before: outOfReachProbing, run: (records) => records.publish(G, 'probe') },
    { title: 'the first answer', before: claimed, run: (records) => records.publish(G, 't1') },
    {
      title: 'the first answer, with what the upstream said',
      before: claimed,
      run: ({ store }) => publishGeneration(store, { id: G, token: 't1', worker: 'w1', song: songOf('t1'), upstream }),
    },
    {
      title: 'an answer that waited for storage',
      before: async (records) => {
        await claimed(records);
        await markAnswered(records.store, { id: G, token: 't1', worker: 'w1', upstream });
      },
      run: (records) => records.publish(G, 't1'),
    },
    {
      title: 'a late answer, while another call is open',
      before: async (records) => {
        await dead(records);
        await records.claimed(G, { token: 't2', worker: 'w2' });
      },
      run: (records) => records.publish(G, 't1'),
    },
    {
      title: 'a late answer, while it waits in line',
      before: async (records) => {
        await canceled(records);
        await windowSize(records, 0);
        await records.reopen(G, { operation: 'again' });
      },
      run: (records) => records.publish(G, 't1'),
    },
    { title: 'the answer of a canceled one', before: canceled, run: (records) => records.publish(G, 't1') },
    { title: 'a second song', before: succeeded, run: (records) => records.publish(G, 't2') },
    { title: 'a song nobody remembers', before: accepted, run: (records) => records.publish(G, 't9') },
    {
      title: 'a song nobody remembers, under a hold',
      before: async (records) => {
        await held(records);
        await accepted(records);
      },
      run: (records) => records.publish(G, 't9'),
    },
    {
      title: 'a song that lets starts quicken',
      before: async (records) => {
        await paced(records);
        await records.store.redis.hset(records.store.keys.pace, { gap: 20_000, refused: 10_000, at: 1 });
      },
      run: (records) => records.publish(G, 't1'),
    },
    { title: 'the song of a probe', before: probing, run: (records) => records.publish(G, 't1') },
    { title: 'a song of one that was erased meanwhile', before: erased, run: (records) => records.publish(G, 't1') },
    { title: 'gone', run: (records) => records.publish(G, 't1') },
  ],
  cancel: [
    { title: 'a waiting one', before: accepted, run: (records) => records.cancel(G, 'op') },
    {
      title: 'one in line',
      before: async (records) => {
        await windowSize(records, 0);
        await accepted(records);
      },
      run: (records) => records.cancel(G, 'op'),
    },
    { title: 'a running one', before: claimed, run: (records) => records.cancel(G, 'op') },
    { title: 'one in review', before: inReview, run: (records) => records.cancel(G, 'op') },
    { title: 'a canceled one', before: canceled, run: (records) => records.cancel(G, 'op') },
    { title: 'a finished one', before: succeeded, run: (records) => records.cancel(G, 'op') },
    { title: 'gone', run: (records) => records.cancel(G, 'op') },
  ],
  reopen: [
    { title: 'a failed one', before: failed, run: (records) => records.reopen(G, { operation: 'op' }) },
    { title: 'a canceled one', before: canceled, run: (records) => records.reopen(G, { operation: 'op' }) },
    {
      title: 'one that has to wait in line',
      before: async (records) => {
        await failed(records);
        await windowSize(records, 0);
      },
      run: (records) => records.reopen(G, { operation: 'op' }),
    },
    {
      title: 'one with a key',
      before: failed,
      run: (records) => records.reopen(G, { operation: 'op', idempotency: key('f') }),
    },
    {
      title: 'a replay',
      before: async (records) => {
        await failed(records);
        await records.reopen(G, { operation: 'first', idempotency: key('f') });
      },
      run: (records) => records.reopen(G, { operation: 'op', idempotency: key('f') }),
    },
    {
      title: 'a reused key',
      before: async (records) => {
        await records.accepted({ id: 'gen_0', idempotency: key('f') });
        await failed(records);
      },
      run: (records) => records.reopen(G, { operation: 'op', idempotency: key('g') }),
    },
    {
      title: 'one with a spare song',
      before: async (records) => {
        await canceled(records);
        await records.publish(G, 't1');
      },
      run: (records) => records.reopen(G, { operation: 'op' }),
    },
    ...([true, false, null] as const).flatMap((charged) =>
      (['resolve_retry', 'resolve_fail'] as const).map((action) => ({
        title: `${action} with charged ${charged}`,
        before: inReview,
        run: (records: TestRecords) => records.reopen(G, { operation: 'op', action, charged }),
      })),
    ),
    { title: 'one that waits', before: accepted, run: (records) => records.reopen(G, { operation: 'op' }) },
    { title: 'gone', run: (records) => records.reopen(G, { operation: 'op' }) },
  ],
  hold: [
    {
      title: 'two holds',
      before: async (records) => {
        await accepted(records);
        await records.claimed(G, { token: 't1' });
        await held(records);
        await records.release(G, 't1', 'model', { hold: 'model:music-01' });
      },
      run: async ({ store }) => (await probeHoldsNow(store)).sort(),
    },
    { title: 'no hold', run: ({ store }) => probeHoldsNow(store) },
    { title: 'an open breaker', before: outOfReach, run: ({ store }) => probeHoldsNow(store) },
  ],
  'storage-trouble': [
    { title: 'the first one', run: ({ store }) => noteStorageTrouble(store, LOW) },
    {
      title: 'another one after it',
      before: ({ store }) => noteStorageTrouble(store, LOW),
      run: ({ store }) => noteStorageTrouble(store, { code: 'storage', reason: 'other' }),
    },
  ],
  brake: [
    { title: 'a first one', run: ({ store }) => brakeStarts(store, HOUR, 'rate_limit') },
    {
      title: 'a shorter one of the same reason, and one of another',
      before: async ({ store }) => {
        await brakeStarts(store, 2 * HOUR, 'rate_limit');
        await brakeStarts(store, HOUR, 'account');
      },
      run: ({ store }) => brakeStarts(store, HOUR, 'rate_limit'),
    },
    {
      title: 'an end that leaves another one',
      before: async ({ store }) => {
        await brakeStarts(store, HOUR, 'rate_limit');
        await brakeStarts(store, HOUR, 'account');
      },
      run: ({ store }) => freeProbed(store),
    },
    { title: 'an end of nothing', run: ({ store }) => freeResumed(store) },
  ],
  erase: [
    {
      title: 'a finished one',
      before: async (records) => {
        await records.accepted({ id: G, idempotency: key('f') });
        await records.claimed(G, { token: 't1' });
        await records.publish(G, 't1');
      },
      run: ({ store }) => eraseGeneration(store, G, 90),
    },
    { title: 'one that never ran', before: canceled, run: ({ store }) => eraseGeneration(store, G, 90) },
    { title: 'a waiting one', before: accepted, run: ({ store }) => eraseGeneration(store, G, 90) },
    { title: 'one with an open call', before: canceled, run: ({ store }) => eraseGeneration(store, G, 90) },
    { title: 'gone', run: ({ store }) => eraseGeneration(store, G, 90) },
  ],
  reap: [
    { title: 'nothing that is open', run: ({ store }) => reapDeadCalls(store, 1000) },
    {
      title: 'a call of a canceled one',
      before: async (records) => {
        await canceled(records);
        await records.dead('w1');
      },
      run: ({ store }) => reapDeadCalls(store, 1000),
    },
    {
      title: 'a call of an erased one',
      before: async (records) => {
        await erased(records);
        await records.dead('w1');
      },
      run: ({ store }) => reapDeadCalls(store, 1000),
    },
  ],
  pause: [
    {
      title: 'a first pause',
      run: ({ store }) => loadScript('pause').run(store, ['generate', 'pause', 'why', 'key_1']),
    },
    {
      title: 'a resume',
      before: ({ store }) => loadScript('pause').run(store, ['generate', 'pause', 'why', 'key_1']),
      run: ({ store }) => loadScript('pause').run(store, ['generate', 'resume', '', '']),
    },
  ],
  retain: [
    {
      title: 'nothing is old enough',
      before: succeeded,
      run: ({ store }) => retainPage(store, { step: 'settled', ageMs: HOUR, most: 1 }),
    },
  ],
  due: [
    {
      title: 'another worker looks',
      before: ({ store }) => takeDue(store, { worker: 'w1', leaseMs: HOUR, most: 1 }),
      run: ({ store }) => takeDue(store, { worker: 'w2', leaseMs: HOUR, most: 1 }),
    },
    {
      title: 'nothing is due',
      before: (records) => records.accepted({ request: requestOf({ run_at: AHEAD, start_by: AHEAD }), id: G }),
      run: ({ store }) => takeDue(store, { worker: 'w1', leaseMs: HOUR, most: 1 }),
    },
  ],
  feed: [
    {
      title: 'another worker feeds',
      before: ({ store }) => feedWindow(store, { worker: 'w1', leaseMs: HOUR, most: 1 }),
      run: ({ store }) => feedWindow(store, { worker: 'w2', leaseMs: HOUR, most: 1 }),
    },
    {
      title: 'nobody is in line',
      before: accepted,
      run: ({ store }) => feedWindow(store, { worker: 'w1', leaseMs: HOUR, most: 1 }),
    },
  ],
  repair: [
    {
      title: 'a lost pointer',
      before: accepted,
      run: ({ store }) => findMissingPointers(store, { set: 'window', from: 0, count: 9, olderThanMs: -1000 }),
    },
  ],
  beat: [
    {
      title: 'a live worker',
      before: (records) => records.alive('w2'),
      run: ({ store }) =>
        beat(store, { worker: 'w1', concurrency: 40, about: { a: 1 }, leaseMs: HOUR, maxConcurrency: 0 }),
    },
    {
      title: 'a worker that leaves',
      before: (records) => records.alive('w1'),
      run: ({ store }) =>
        beat(store, { worker: 'w1', concurrency: 40, about: {}, leaseMs: HOUR, maxConcurrency: 0, leaves: true }),
    },
  ],
  'bulk-start': [
    { title: 'with a key', run: ({ store }) => startBulkAction(store, { ...ACTION, idempotency: key('f') }) },
    { title: 'of a batch that is canceled', before: withBatch, run: ({ store }) => startBulkAction(store, OF_BATCH) },
  ],
  'bulk-step': [
    {
      title: 'a request to stop',
      before: ({ store }) => startBulkAction(store, ACTION),
      run: ({ store }) => abortBulkAction(store, ACTION.id),
    },
  ],
};

const scripts = Object.keys(SITUATIONS);

/** Everything under a prefix, but for the times. */
async function stateOf(prefix: string): Promise<Record<string, unknown>> {
  const root = `{${prefix}}:`;
  const state: Record<string, unknown> = {};
  for (const name of (await direct.keys(`${root}*`)).sort()) {
    const type = await direct.type(name);
    state[name.slice(root.length)] = withoutTimes(
      type === 'hash'
        ? await direct.hgetall(name)
        : type === 'zset'
          ? pairsOf(await direct.zrange(name, '0', '-1', 'WITHSCORES'))
          : type === 'set'
            ? (await direct.smembers(name)).sort()
            : type === 'stream'
              ? (await direct.xrange(name, '-', '+')).map(([, fields]) => fields)
              : type === 'list'
                ? // Durations: how many there are.
                  await direct.llen(name)
                : await direct.get(name),
    );
  }
  return state;
}

/** Members with their scores, by member: whether two times fell into one millisecond is chance. */
function pairsOf(flat: string[]): string[] {
  return flat.flatMap((member, index) => (index % 2 === 0 ? [`${member} at ${flat[index + 1]}`] : [])).sort();
}

/** Unix times in milliseconds and microseconds become 0; durations of an answer become 1. */
function withoutTimes(value: unknown): unknown {
  const text = JSON.stringify(value ?? null)
    .replaceAll(/(?<!\d)1\d{12}(\d{3})?(?!\d)/g, '0')
    .replaceAll(/"(ms|delayMs|heldMs|openMs)":[1-9]\d*/g, '"$1":1');
  return JSON.parse(text);
}

async function callsOfScripts(): Promise<number> {
  const stats = await direct.info('commandstats');
  return [...stats.matchAll(/cmdstat_eval(?:sha)?:calls=(\d+)/g)].reduce((sum, match) => sum + Number(match[1]), 0);
}

/** ioredis sends the whole script once per connection, and its hash from then on. */
const runsScript = (request: Buffer) => /\r\neval(sha)?\r\n/.test(request.toString('latin1'));

let pairs = 0;

/** Runs one situation with every reply delivered, or with the reply of the script cut off once. */
async function play(situation: Situation, cut: boolean): Promise<{ answer: unknown; state: unknown; runs: number }> {
  const prefix = `${cut ? 'twice' : 'once'}${pairs}`;
  const before = openTestRecords(server.url, prefix);
  const acting = openTestRecords(cut ? proxy.url : server.url, prefix);
  acting.store.redis.options.retryStrategy = () => 5;
  try {
    await situation.before?.(before);
    await acting.store.redis.ping();
    const first = await callsOfScripts();
    const dropped = cut ? proxy.dropReplies(1, runsScript) : Promise.resolve(0);
    const answer = await situation.run(acting);
    await proxy.heal();
    expect(await dropped).toBe(cut ? 1 : 0);
    return { answer: withoutTimes(answer), state: await stateOf(prefix), runs: (await callsOfScripts()) - first };
  } finally {
    before.close();
    acting.close();
  }
}

describe.each(scripts)('%s run twice, because its reply was cut off, is run once', (name) => {
  it.each(SITUATIONS[name]!)('$title', async (situation) => {
    pairs += 1;
    const once = await play(situation, false);
    const twice = await play(situation, true);
    expect([once.runs, twice.runs]).toEqual([1, 2]);
    expect(twice.answer).toEqual(once.answer);
    expect(twice.state).toEqual(once.state);
  });
});

describe('scripts run twice', () => {
  it('are all in this file but for those of API keys, references, webhooks and the one that only gives a start back', () => {
    const all = readdirSync(new URL('.', import.meta.url)).filter((file) => file.endsWith('.lua'));
    const others = all.map((file) => file.slice(0, -'.lua'.length)).filter((name) => !scripts.includes(name));
    const elsewhere = /^api-key-|-reference$|^resolve-waiters$|^deliver-|^endpoint-|^owe$|^secret-/;
    expect(others.filter((name) => !elsewhere.test(name))).toEqual(['uncount']);
    for (const name of scripts) expect(headerOf(name).fields['twice']).not.toBe('');
  });

  it('feed moves further ones, and repair finds those of the answer that nobody read', async () => {
    const prefix = 'feeding';
    const records = openTestRecords(server.url, prefix);
    await windowSize(records, 0);
    const ids = [];
    for (let n = 0; n < 3; n++) ids.push(await records.accepted({ request: requestOf() }));
    await windowSize(records, 9);
    const acting = openTestRecords(proxy.url, prefix);
    await acting.store.redis.ping();
    const dropped = proxy.dropReplies(1, runsScript);
    const fed = await feedWindow(acting.store, { worker: 'w1', leaseMs: HOUR, most: 1 });
    expect(await dropped).toBe(1);
    expect(fed?.map(({ id }) => id)).toEqual([ids[1]]);
    await records.store.redis.hset(records.store.keys.job(ids[1]!, 1), 'name', 'generation');
    const page = await findMissingPointers(records.store, { set: 'window', from: 0, count: 9, olderThanMs: -1000 });
    expect(page.missing.map(({ id }) => id)).toEqual([ids[0]]);
    acting.close();
    records.close();
  });
});
