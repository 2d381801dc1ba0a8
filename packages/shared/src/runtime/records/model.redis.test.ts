import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OUTCOME_TABLE, type OutcomeKind } from '../../contract/outcomes.ts';
import { isSettled, PRIORITIES, UNKNOWN_CHARGE_POLICIES } from '../../contract/words.ts';
import { RecordModel } from '../../testing/record-model.ts';
import type { ModelAttempt, ModelRecord } from '../../testing/record-model-line.ts';
import { openTestRecords, requestOf, type TestRecords } from '../../testing/records.ts';
import { startRedis, type TestRedis } from '../../testing/redis.ts';
import { type Arrow, arrowsOfDocs, isByReference } from '../../testing/script-headers.ts';
import type { Idempotency } from './accept.ts';
import { acceptBatch, readBatchRecord } from './batches.ts';
import { closeDeadCall } from './died.ts';
import { eraseGeneration } from './erase.ts';
import { beat, feedWindow, takeDue } from './feed.ts';
import { probeHoldsNow } from './hold.ts';
import { ingestItems } from './ingest.ts';
import { unpackedHash } from './packed.ts';
import { markAnswered } from './publish.ts';
import { parseRecord } from './read.ts';
import { retainPage } from './retain.ts';

type Failure = Exclude<OutcomeKind, 'song'>;

const WINDOW = 3;
const MAX_WAITING = 8;
const LEASE_MS = 86_400_000;
const HOUR = 3_600_000;
const LIMITS = { maxAttempts: 3, maxUnknownCharges: 2 };
const LOWERED = { maxAttempts: 2, maxUnknownCharges: 1 };
const PROJECTS = ['p1', 'p2'];
const MODELS = ['music-01', 'music-02'];
const WORKERS = ['w1', 'w2', 'w3'];
const KEYS = ['k1', 'k2', 'k3'];
const KINDS = (Object.keys(OUTCOME_TABLE) as OutcomeKind[]).filter((kind) => kind !== 'song') as Failure[];

let server: TestRedis;
const seen = new Set<string>();
const wordsOf = ({ from, to, script }: Arrow) => `${from} -> ${to} (${script})`;

beforeAll(async () => {
  server = await startRedis({ appendfsync: 'no' });
});
afterAll(() => server.stop());

/** The real side: records under a prefix of their own, and numbers for ids, tokens and operations. */
class Real {
  readonly #records: TestRecords;
  #made = 0;

  constructor(prefix: string) {
    this.#records = openTestRecords(server.url, prefix);
  }
  get records() {
    return this.#records;
  }
  get store() {
    return this.#records.store;
  }
  name(kind: string): string {
    this.#made += 1;
    return `${kind}_${String(this.#made).padStart(4, '0')}`;
  }
  setWindow() {
    return this.store.redis.set(`${this.store.keys.root}window-size`, String(WINDOW));
  }
  /** Runs a script once, or twice as after a lost reply: then both answers must be the same, but for durations. */
  async run<T>(twice: boolean, script: () => Promise<T>): Promise<T> {
    const answer = await script();
    if (twice) expect(plain(await script())).toEqual(plain(answer));
    return answer;
  }
  /** Waits for the next millisecond, so that "after" in the model is "after" in Redis. */
  async tick(): Promise<void> {
    const millisecond = async () => {
      const [seconds, micros] = await this.store.redis.time();
      return Number(seconds) * 1000 + Math.floor(Number(micros) / 1000);
    };
    const before = await millisecond();
    while ((await millisecond()) === before);
  }
}

function plain(answer: unknown): unknown {
  const durations = (key: string, value: unknown) =>
    ['ms', 'delayMs', 'heldMs', 'openMs'].includes(key) ? Number(value) > 0 : value;
  return JSON.parse(JSON.stringify(answer ?? null, durations));
}

/** One of the last few records, so that some of them get far. */
const chosen = (model: RecordModel, pick: number): ModelRecord | undefined =>
  model.records.at(-1 - (pick % Math.min(4, Math.max(model.records.length, 1))));
/** The newest call, or an older one. */
const callOf = (record: ModelRecord | undefined, pick: number): ModelAttempt | undefined =>
  record?.attempts.at(-1 - (pick % Math.max(record.attempts.length, 1)));

/** A call whose claim Redis has lost, as it is written down again; there is nowhere to write it when the record is gone. */
const foundCall = (model: RecordModel, record: ModelRecord, token: string): ModelAttempt | undefined =>
  record.erased ? undefined : model.open(record, token, 'w1', true);

type Play = (model: RecordModel, real: Real) => Promise<void>;

/** A step of a run: checks whether it can be made, makes it on both sides and compares them. */
class Step implements fc.AsyncCommand<RecordModel, Real> {
  readonly #title: string;
  readonly #possible: (model: RecordModel) => boolean;
  readonly #play: Play;

  constructor(title: string, input: unknown, possible: (model: RecordModel) => boolean, play: Play) {
    this.#title = `${title}(${JSON.stringify(input)})`;
    this.#possible = possible;
    this.#play = play;
  }
  check(model: Readonly<RecordModel>): boolean {
    return this.#possible(model as RecordModel);
  }
  async run(model: RecordModel, real: Real): Promise<void> {
    await real.tick();
    model.step += 1;
    await this.#play(model, real);
    await compare(model, real);
  }
  toString(): string {
    return this.#title;
  }
}

const always = () => true;
const some = (model: RecordModel) => model.records.length > 0;

interface AcceptPick {
  project: number;
  priority: number;
  model: number;
  policy: number;
  key: number | null;
  fingerprint: number;
  scheduled: boolean;
  deadline: boolean;
  twice: boolean;
}
const waits = ({ status }: ModelRecord) => status === 'queued' || status === 'scheduled';
const idempotencyOf = (key: number | null, fingerprint: number): Idempotency | null =>
  key === null ? null : { key: KEYS[key]!, fingerprint: `f${fingerprint}` };

function accept(input: AcceptPick): Step {
  return new Step('accept', input, always, async (model, real) => {
    const id = real.name('gen');
    const [project, priority] = [PROJECTS[input.project]!, PRIORITIES[input.priority]!];
    const [song, policy] = [MODELS[input.model]!, UNKNOWN_CHARGE_POLICIES[input.policy]!];
    const idempotency = idempotencyOf(input.key, input.fingerprint);
    const run_at = input.scheduled ? '2100-01-01T00:00:00.000Z' : null;
    const start_by = input.deadline ? '2100-01-02T00:00:00.000Z' : null;
    const request = requestOf({ priority, model: song, run_at, start_by });
    const answer = await real.run(input.twice, () =>
      real.records.accept({ id, project, request, policy, idempotency, maxWaiting: MAX_WAITING }),
    );
    const known = idempotency && model.keys.get(idempotency.key);
    if (known) {
      const replayed = known.fingerprint === idempotency.fingerprint;
      expect(answer).toMatchObject(replayed ? { outcome: 'replayed', id: known.id } : { outcome: 'key_reused' });
      return;
    }
    if (model.records.filter(waits).length >= MAX_WAITING) {
      expect(answer.outcome).toBe('queue_full');
      return;
    }
    const record: ModelRecord = {
      ...{ id, project, priority, policy, model: song },
      ...{ status: '(new)', run: 1, counted: 0, unknown: 0, intent: null, answered: false, early: false },
      ...{ limited: null, attempts: [], song: null, spare: null, history: [], place: null, score: 0, erased: false },
      ...{ deadline: input.deadline ? 'ahead' : null, due: false },
    };
    model.records.push(record);
    const status = input.scheduled ? 'scheduled' : 'queued';
    model.move(record, status, 'accept');
    if (input.scheduled) record.place = 'scheduled';
    const pointer = !input.scheduled && model.line.enqueue(record) ? { id, run: 1, priority } : null;
    if (idempotency) model.keys.set(idempotency.key, { fingerprint: idempotency.fingerprint, id });
    expect(answer).toMatchObject({ outcome: 'accepted', pointer, status });
  });
}

interface IngestPick {
  project: number;
  model: number;
  count: number;
  canceling: boolean;
  scheduled: boolean;
  twice: boolean;
}

/** A batch is accepted, and its items are recorded in one step. */
function ingest(input: IngestPick): Step {
  return new Step('ingest', input, always, async (model, real) => {
    const id = real.name('bat');
    const [project, song] = [PROJECTS[input.project]!, MODELS[input.model]!];
    const { count } = input;
    const accepted = await real.run(input.twice, () =>
      acceptBatch(real.store, {
        ...{ id, project, valid: count, bytes: 100, skipped: 0, idempotency: null, maxWaiting: MAX_WAITING },
        ...{ options: { name: null, metadata: {}, webhook: null }, models: { [song]: count } },
        prices: { [song]: { amount: '1', currency: 'X' } },
      }),
    );
    if (model.records.filter(waits).length + count > MAX_WAITING) {
      expect(accepted.outcome).toBe('queue_full');
      return;
    }
    expect(accepted.outcome).toBe('accepted');
    if (input.canceling) await real.store.redis.hset(real.store.keys.batch(id), { canceling: 1, cancel_asked: 1 });
    const run_at = input.scheduled ? '2100-01-01T00:00:00.000Z' : null;
    const request = requestOf({ priority: 'bulk', model: song, run_at });
    const items = Array.from({ length: count }, (_, index) => ({
      ...{ id: real.name('gen'), index, policy: 'retry' as const, request },
    }));
    const answer = await real.run(input.twice, () => ingestItems(real.store, { id, from: 0, to: 100, items }));
    await real.store.redis.hdel(real.store.keys.batch(id), 'canceling');
    const pointers: string[] = [];
    for (const item of items) {
      const record: ModelRecord = {
        ...{ id: item.id, project, priority: 'bulk', policy: 'retry', model: song, batch: id },
        ...{ status: '(new)', run: 1, counted: 0, unknown: 0, intent: null, answered: false, early: false },
        ...{ limited: null, attempts: [], song: null, spare: null, history: [], place: null, score: 0, erased: false },
        ...{ deadline: null, due: false },
      };
      model.records.push(record);
      model.move(record, input.scheduled ? 'scheduled' : 'queued', 'ingest');
      if (input.scheduled) record.place = 'scheduled';
      else if (model.line.enqueue(record) && !input.canceling) pointers.push(item.id);
      if (!input.canceling) continue;
      model.line.leave(record);
      model.move(record, 'canceled', 'ingest');
    }
    expect(answer.outcome === 'ingested' && answer.pointers.map((pointer) => pointer.id)).toEqual(pointers);
  });
}

function claim(input: { record: number; worker: number; old: boolean; lowered: boolean; twice: boolean }): Step {
  return new Step('claim', input, some, async (model, real) => {
    const record = chosen(model, input.record)!;
    const run = input.old ? record.run - 1 : record.run;
    const [token, worker] = [real.name('t'), WORKERS[input.worker]!];
    const limits = input.lowered ? LOWERED : LIMITS;
    const answer = await real.run(input.twice, () =>
      real.records.claim(record.id, { run, token, worker, leaseMs: LEASE_MS, longestCallMs: HOUR, ...limits }),
    );
    expect(answer.outcome).toBe(model.claim(record, run, token, worker, limits));
    if (answer.outcome === 'settled') expect(answer.status).toBe(record.status);
    if (answer.outcome !== 'claimed') return;
    expect(answer).toMatchObject({ attempt: record.attempts.length, counted: record.counted });
    // The promise: no call beyond the limits.
    expect(record.counted).toBeLessThan(limits.maxAttempts);
    expect(record.unknown).toBeLessThan(limits.maxUnknownCharges);
  });
}

function answered(input: { record: number; call: number; twice: boolean }): Step {
  return new Step('answered', input, some, async (model, real) => {
    const record = chosen(model, input.record)!;
    const known = callOf(record, input.call);
    const token = known?.token ?? real.name('lost');
    const attempt = known ?? foundCall(model, record, token);
    // A worker marks an answer before it publishes or gives up its song, never after.
    if (attempt?.outcome === 'succeeded' && !(record.intent === attempt)) return;
    if (attempt?.charge === 'none') return;
    const answer = await real.run(input.twice, () =>
      markAnswered(real.store, { id: record.id, token, worker: 'w1', upstream: null }),
    );
    expect(answer.outcome).toBe(attempt && !record.erased ? 'marked' : 'gone');
    if (attempt && !record.erased) model.answered(record, attempt);
  });
}

function died(input: { record: number; call: number | null; twice: boolean }): Step {
  return new Step('died', input, some, async (model, real) => {
    const record = chosen(model, input.record)!;
    const known = input.call === null ? undefined : callOf(record, input.call);
    const token = known?.token ?? real.name('lost');
    const attempt = known ?? foundCall(model, record, token);
    const answer = await real.run(input.twice, () =>
      closeDeadCall(real.store, { id: record.id, token, worker: 'w1', ...LIMITS }),
    );
    if (!attempt || record.erased) {
      expect(answer).toEqual({ outcome: 'gone' });
      return;
    }
    model.died(record, attempt, known === undefined, LIMITS);
    expect(answer).toEqual({ outcome: 'closed', status: record.status, run: record.run });
  });
}

function release(input: {
  record: number;
  call: number | null;
  kind: number;
  delayed: boolean;
  hold: boolean;
  twice: boolean;
}) {
  return new Step('release', input, some, async (model, real) => {
    const record = chosen(model, input.record)!;
    const known = input.call === null ? undefined : callOf(record, input.call);
    const token = known?.token ?? real.name('lost');
    const attempt = known ?? foundCall(model, record, token);
    const kind = KINDS[input.kind % KINDS.length]!;
    const scope = kind === 'account' ? 'account' : kind === 'model' ? `model:${record.model}` : null;
    const hold = input.hold ? scope : null;
    const answer = await real.run(input.twice, () =>
      real.records.release(record.id, token, kind, {
        ...{ hold, firstProbeMs: HOUR, delayMs: input.delayed ? HOUR : 0, ...LIMITS },
        breaker: { firstMs: HOUR, longestMs: HOUR },
      }),
    );
    if (!attempt || record.erased) {
      expect(answer).toEqual({ outcome: 'gone' });
      return;
    }
    const found = known === undefined;
    model.release(record, attempt, { kind, delayed: input.delayed, hold, limits: LIMITS, found });
    expect(plain(answer)).toEqual({
      ...{ outcome: 'released', status: record.status, run: record.run, lifted: attempt.lifted },
      ...{ delayMs: record.early, heldMs: model.holds.has('account'), openMs: model.breaker.since !== null },
    });
  });
}

function publish(input: { record: number; call: number | null; twice: boolean }): Step {
  return new Step('publish', input, some, async (model, real) => {
    const record = chosen(model, input.record)!;
    const attempt = input.call === null ? undefined : callOf(record, input.call);
    const token = attempt?.token ?? real.name('found');
    const answer = await real.run(input.twice, () => real.records.publish(record.id, token));
    expect(answer.outcome).toBe(model.publish(record, token, 'w1'));
    expect(answer.lifted).toBe(record.attempts.find((each) => each.token === token)?.lifted ?? false);
  });
}

function cancel(input: { record: number; twice: boolean }): Step {
  return new Step('cancel', input, some, async (model, real) => {
    const record = chosen(model, input.record)!;
    const operation = real.name('op');
    const answer = await real.run(input.twice, () => real.records.cancel(record.id, operation));
    const before = record.status;
    expect(answer.outcome).toBe(model.cancel(record));
    if (answer.outcome === 'conflict') expect(answer.status).toBe(before);
  });
}

const ACTIONS = ['retry', 'resolve_retry', 'resolve_fail'] as const;
function reopen(input: {
  record: number;
  action: number;
  charged: boolean | null;
  key: number | null;
  fingerprint: number;
  twice: boolean;
}): Step {
  return new Step('reopen', input, some, async (model, real) => {
    const record = chosen(model, input.record)!;
    const action = ACTIONS[input.action]!;
    const idempotency = idempotencyOf(input.key, input.fingerprint);
    const operation = real.name('op');
    const { charged } = input;
    const answer = await real.run(input.twice, () =>
      real.records.reopen(record.id, { action, charged, idempotency, operation }),
    );
    expect(answer.outcome).toBe(model.reopen(record, action, charged, idempotency));
    if (answer.outcome !== 'reopened') return;
    const pointer = { id: record.id, run: record.run, priority: record.priority };
    expect(answer.pointer).toEqual(record.place === 'window' ? pointer : null);
  });
}

function erase(input: { record: number; twice: boolean }): Step {
  return new Step('erase', input, some, async (model, real) => {
    const record = chosen(model, input.record)!;
    const answer = await real.run(input.twice, () => eraseGeneration(real.store, record.id, 90));
    const erased = record.erased || isSettled(record.status);
    expect(answer).toEqual(erased ? { outcome: 'erased' } : { outcome: 'conflict', status: record.status });
    record.erased = erased;
  });
}

/** An hour later: every settled record is packed into one string. Nobody may notice. */
function pack(input: { most: number }): Step {
  return new Step('retain', input, always, async (_model, real) => {
    await retainPage(real.store, { step: 'settled', ageMs: -HOUR, most: input.most });
  });
}

function feed(input: { worker: number; most: number }): Step {
  return new Step('feed', input, always, async (model, real) => {
    const worker = WORKERS[input.worker]!;
    const fed = await feedWindow(real.store, { worker, leaseMs: LEASE_MS, most: input.most });
    const expected = model.line.feed(worker, input.most);
    expect(fed).toEqual(expected?.map(({ id, run, priority }) => ({ id, run, priority })) ?? null);
    expect(model.line.in('window').length).toBeLessThanOrEqual(MAX_WAITING);
  });
}

function due(input: { worker: number; most: number }): Step {
  return new Step('due', input, always, async (model, real) => {
    const worker = WORKERS[input.worker]!;
    const answer = await takeDue(real.store, { worker, leaseMs: LEASE_MS, most: input.most });
    if (model.line.waker !== null && model.line.waker !== worker) {
      expect(answer).toBeNull();
      return;
    }
    model.line.waker = worker;
    const { late, woken } = model.takeDue(input.most);
    const inWindow = woken.filter(({ place }) => place === 'window');
    const canceled = late.map(({ id, run }) => ({ id, run }));
    const pointers = inWindow.map(({ id, run, priority }) => ({ id, run, priority }));
    expect(answer).toEqual({ canceled, cameIntoLine: woken.length, pointers });
  });
}

function beats(input: { worker: number; leaves: boolean; twice: boolean }): Step {
  return new Step('beat', input, always, async (model, real) => {
    const worker = WORKERS[input.worker]!;
    if (input.leaves) model.alive.delete(worker);
    else model.alive.add(worker);
    const { leaves } = input;
    const answer = await real.run(input.twice, () =>
      beat(real.store, { worker, concurrency: 2, about: {}, leaseMs: LEASE_MS, maxConcurrency: 5, leaves }),
    );
    expect(answer).toEqual({ workers: model.alive.size, slots: Math.min(model.alive.size * 2, 5) });
    await real.setWindow();
  });
}

function probe(input: { twice: boolean }): Step {
  return new Step('hold', input, always, async (model, real) => {
    const scopes = await real.run(input.twice, async () => (await probeHoldsNow(real.store)).sort());
    expect(scopes).toEqual([...model.holds.keys()].sort());
    for (const hold of model.holds.values()) hold.due = true;
    if (model.breaker.since !== null) model.breaker.due = true;
  });
}

/** What time does, without waiting for it. */
function later(input: {
  what: 'delay' | 'day' | 'probe' | 'worker' | 'lease' | 'due' | 'late';
  record: number;
  worker: number;
}): Step {
  return new Step('later', input, some, async (model, real) => {
    const { redis, keys } = real.store;
    const record = chosen(model, input.record)!;
    const key = keys.generation(record.id);
    if (input.what === 'delay' && record.early) {
      record.early = false;
      await redis.hset(key, 'not_before', '1');
    }
    if (input.what === 'due' && record.place === 'scheduled') {
      record.due = true;
      await redis.zadd(keys.scheduled, 1, record.id);
    }
    if (input.what === 'late' && record.deadline !== null) {
      record.deadline = 'over';
      await redis.zadd(keys.deadlines, 1, record.id);
    }
    if (input.what === 'day' && record.limited) {
      record.limited = 'for a day';
      await redis.hset(key, 'rl_since', '1');
    }
    if (input.what === 'probe') {
      for (const [scope, hold] of model.holds) {
        if (hold.probe === null) continue;
        await redis.hset(keys.hold(scope), 'probe_until', '1');
        hold.probe.expired = true;
      }
      if (model.breaker.probe !== null) {
        await redis.hset(keys.breaker, 'probe_until', '1');
        model.breaker.probe.expired = true;
      }
    }
    if (input.what === 'worker') {
      model.alive.delete(WORKERS[input.worker]!);
      await real.records.dead(WORKERS[input.worker]!);
    }
    if (input.what === 'lease') {
      model.line.feeder = null;
      model.line.waker = null;
      await redis.del(`${keys.root}lease:feeder`, `${keys.root}lease:due`);
    }
  });
}

/** Both sides hold the same, and what must always hold does. */
async function compare(model: RecordModel, real: Real): Promise<void> {
  const { redis, keys } = real.store;
  const kept = model.records.filter(({ erased }) => !erased);
  const lists = PROJECTS.flatMap((project) =>
    (['scheduled', 'queued', 'processing', 'succeeded', 'failed', 'canceled', 'needs_review'] as const).map(
      (status) => [project, status] as const,
    ),
  );
  const pipeline = redis.pipeline();
  for (const { id } of model.records) pipeline.hgetall(keys.generation(id));
  for (const place of [keys.ready, keys.window, keys.parked, keys.scheduled, keys.deadlines])
    pipeline.zrange(place, '0', '-1');
  for (const [project, status] of lists) pipeline.zrange(keys.list(project, status), '0', '-1');
  pipeline.get(keys.waiting);
  pipeline.hgetall(`${keys.root}fair`);
  pipeline.smembers(`${keys.root}holds`);
  pipeline.hmget(keys.breaker, 'failures', 'since', 'probe');
  for (const key of KEYS) pipeline.hget(keys.idempotency(key), 'id');
  const replies = ((await pipeline.exec()) ?? []).map(([error, reply]) => {
    if (error) throw error;
    return reply;
  });
  const next = <T>() => replies.shift() as T;

  for (const record of model.records) {
    const hash = unpackedHash(record.id, next<Record<string, string>>());
    const actual = parseRecord(record.id, hash);
    if (record.erased) {
      expect(actual).toBeNull();
      continue;
    }
    expect({
      ...{ status: actual?.status, run: actual?.run, counted: actual?.counted, unknown: actual?.unknownCharges },
      ...{ song: actual?.song?.token ?? null, spare: actual?.spare?.token ?? null },
      ...{ intent: hash['token'] ?? null, answered: hash['answered'] !== undefined },
      ...{ history: actual?.history.map(({ status }) => status), sequence: actual?.sequence },
      ...{
        total: actual?.attemptsTotal,
        attempts: actual?.attempts.map((each) => [each.outcome, each.charge, each.run]),
      },
    }).toEqual({
      ...{ status: record.status, run: record.run, counted: record.counted, unknown: record.unknown },
      ...{ song: record.song, spare: record.spare },
      ...{ intent: record.intent?.token ?? null, answered: record.answered },
      ...{ history: record.history, sequence: record.history.length },
      ...{
        total: record.attempts.length,
        attempts: record.attempts.map((each) => [each.outcome, each.charge, each.run]),
      },
    });
    for (const attempt of record.attempts) {
      if (attempt.outcome === null) expect(record.intent, 'an open attempt is the intent').toBe(attempt);
    }
    expect(record.place === null).toBe(isSettled(record.status));
    expect(record.song !== null).toBe(record.status === 'succeeded');
  }
  const ids = (records: readonly ModelRecord[]) => records.map(({ id }) => id);
  expect(next<string[]>(), 'ready').toEqual(ids(model.line.in('ready')));
  expect(next<string[]>().sort(), 'window').toEqual(ids(model.line.in('window')).sort());
  expect(next<string[]>().sort(), 'parked').toEqual(ids(model.line.in('parked')).sort());
  expect(next<string[]>().sort(), 'scheduled').toEqual(ids(model.line.in('scheduled')).sort());
  expect(next<string[]>().sort(), 'deadlines').toEqual(
    ids(model.records.filter(({ deadline }) => deadline !== null)).sort(),
  );
  for (const [project, status] of lists) {
    const expected = kept.filter((record) => record.project === project && record.status === status);
    expect(next<string[]>(), `${project} ${status}`).toEqual(ids(expected));
  }
  expect(Number(next<string | null>() ?? 0), 'waiting').toBe(model.records.filter(waits).length);
  const counts: Record<string, string> = {};
  for (const { priority, project } of model.line.in('ready')) {
    const field = `n:${priority}:${project}`;
    counts[field] = String(Number(counts[field] ?? 0) + 1);
  }
  const fair = Object.entries(next<Record<string, string>>()).filter(([field]) => field.startsWith('n:'));
  expect(Object.fromEntries(fair), 'fairness counters').toEqual(counts);
  expect(next<string[]>().sort(), 'holds').toEqual([...model.holds.keys()].sort());
  const [failures, since, prober] = next<(string | null)[]>();
  expect([Number(failures ?? 0), since !== null, prober], 'breaker').toEqual([
    ...[model.breaker.failures, model.breaker.since !== null, model.breaker.probe?.token ?? null],
  ]);
  for (const key of KEYS) expect(next<string | null>(), key).toBe(model.keys.get(key)?.id ?? null);
  await compareBatches(model, real);
}

/** What every batch counts is what its records are. */
async function compareBatches({ records }: RecordModel, real: Real): Promise<void> {
  const ids = new Set(records.flatMap(({ batch }) => batch ?? []));
  for (const id of ids) {
    const found = await readBatchRecord(real.store, id);
    const items = records.filter(({ batch }) => batch === id);
    const among = (...statuses: ModelRecord['status'][]) =>
      items.filter(({ status }) => statuses.includes(status)).length;
    const counts = {
      ...{ total: items.length, queued: among('queued', 'scheduled'), processing: among('processing'), skipped: 0 },
      ...{ succeeded: among('succeeded'), failed: among('failed'), canceled: among('canceled') },
      needs_review: among('needs_review'),
    };
    expect(found?.counts, id).toEqual(counts);
    const open = counts.queued + counts.processing > 0;
    expect([found?.status === 'processing', found?.finishedMs === null], id).toEqual([open, open]);
    // What became of the calls of an erased one the model does not know.
    if (items.some(({ erased }) => erased)) continue;
    const calls = items.flatMap(({ attempts }) => attempts);
    const charged = (charge: string) => String(calls.filter((call) => call.charge === charge).length);
    expect(found?.cost, id).toMatchObject({ charged: charged('charged'), unknown: charged('unknown') });
  }
}

let runs = 0;

/** One run on a fresh model and a fresh prefix; its arrows are remembered. */
async function withRun(
  play: (setup: () => Promise<{ model: RecordModel; real: Real }>) => Promise<void>,
): Promise<void> {
  runs += 1;
  const real = new Real(`run${runs}`);
  const model = new RecordModel(WINDOW);
  try {
    await real.setWindow();
    await play(async () => ({ model, real }));
  } finally {
    real.records.close();
    for (const arrow of model.arrows) seen.add(wordsOf(arrow));
  }
}

const few = fc.nat(3);
const twice = fc.boolean();
const key = fc.option(fc.nat(KEYS.length - 1), { freq: 1 });
const bool = fc.boolean();
const rarely = fc.nat(7).map((n) => n === 7);
const worker = fc.nat(WORKERS.length - 1);
const mostlyNewest = fc.constantFrom(0, 0, 0, 1, 2);

const accepts = fc
  .record({
    ...{ project: fc.nat(1), priority: fc.nat(2), model: fc.nat(1), policy: fc.nat(2) },
    key,
    fingerprint: fc.nat(1),
    ...{ scheduled: rarely, deadline: rarely },
    twice,
  })
  .map(accept);
const ingests = fc
  .record({
    ...{ project: fc.nat(1), model: fc.nat(1), count: fc.integer({ min: 1, max: 3 }) },
    ...{ canceling: rarely, scheduled: rarely, twice },
  })
  .map(ingest);
const claims = fc.record({ record: few, worker, old: rarely, lowered: rarely, twice }).map(claim);
const releases = fc
  .record({ record: few, call: mostlyNewest, kind: fc.nat(KINDS.length - 1), delayed: rarely, hold: bool, twice })
  .map(release);
const reopens = fc
  .record({ record: few, action: fc.nat(2), charged: fc.option(bool), key, fingerprint: fc.nat(1), twice })
  .map(reopen);
const beating = fc.record({ worker, leaves: rarely, twice }).map(beats);
const steps = [
  ...[accepts, accepts, ingests, claims, claims, claims, claims, releases, releases, releases, reopens, reopens],
  fc.record({ record: few, call: mostlyNewest, twice }).map(answered),
  fc.record({ record: few, call: fc.option(mostlyNewest, { freq: 4 }), twice }).map(publish),
  fc.record({ record: few, call: fc.option(mostlyNewest, { freq: 4 }), twice }).map(died),
  fc.record({ record: few, twice }).map(cancel),
  fc.record({ record: few, twice }).map(erase),
  fc.record({ most: fc.integer({ min: 1, max: 3 }) }).map(pack),
  fc.record({ worker, most: fc.nat(3) }).map(feed),
  fc.record({ worker, most: fc.nat(3) }).map(due),
  ...[beating, beating],
  fc.record({ twice }).map(probe),
  fc
    .record({ what: fc.constantFrom('delay', 'day', 'probe', 'worker', 'lease', 'due', 'late'), record: few, worker })
    .map(later),
];

/** Walks that reach what random runs reach seldom, by the same steps and with the same comparisons. */
const plainly = { record: 0, twice: true };
const walk = {
  ingest: (more: { canceling?: boolean; scheduled?: boolean }) =>
    ingest({ project: 0, model: 0, count: 2, canceling: false, scheduled: false, twice: true, ...more }),
  accept: (policy = 0, times: { scheduled?: boolean; deadline?: boolean } = {}) =>
    accept({
      ...{ project: 0, priority: 1, model: 0, policy, key: null, fingerprint: 0, twice: true },
      ...{ scheduled: false, deadline: false, ...times },
    }),
  later: (what: Parameters<typeof later>[0]['what'], record = 0) => later({ what, record, worker: 0 }),
  feed: () => feed({ worker: 0, most: 10 }),
  due: () => due({ worker: 0, most: 10 }),
  alive: () => beats({ worker: 0, leaves: false, twice: true }),
  dead: () => later({ what: 'worker', record: 0, worker: 0 }),
  claim: (by = 0, lowered = false, record = 0) => claim({ record, worker: by, old: false, lowered, twice: true }),
  release: (kind: Failure, hold = false) =>
    release({ ...plainly, call: 0, kind: KINDS.indexOf(kind), delayed: false, hold }),
  lost: (kind: Failure, hold = false) =>
    release({ ...plainly, call: null, kind: KINDS.indexOf(kind), delayed: false, hold }),
  publish: (call = 0) => publish({ ...plainly, call }),
  answered: (call = 0) => answered({ ...plainly, call }),
  died: (call: number | null = 0) => died({ ...plainly, call }),
  cancel: () => cancel(plainly),
  reopen: (action: (typeof ACTIONS)[number], charged: boolean | null = null) =>
    reopen({ ...plainly, action: ACTIONS.indexOf(action), charged, key: null, fingerprint: 0 }),
};
const inReview = [
  walk.accept(),
  walk.alive(),
  walk.claim(),
  walk.release('timeout'),
  walk.claim(),
  walk.release('timeout'),
];
const WALKS: Readonly<Record<string, readonly Step[]>> = {
  'a batch': [
    ...[walk.ingest({}), walk.alive(), walk.claim(), walk.publish(), walk.ingest({ canceling: true })],
    ...[walk.reopen('retry'), walk.ingest({ scheduled: true, canceling: true }), walk.ingest({ scheduled: true })],
    walk.cancel(),
  ],
  'a first song': [walk.accept(), walk.alive(), walk.claim(), walk.publish()],
  'a call that fails, and its late song': [
    walk.accept(),
    walk.alive(),
    walk.claim(),
    walk.release('timeout'),
    walk.publish(),
  ],
  'a cancel at every place': [
    ...[
      walk.accept(),
      walk.cancel(),
      walk.accept(),
      walk.alive(),
      walk.claim(),
      walk.cancel(),
      ...inReview,
      walk.cancel(),
    ],
  ],
  'a retry of what failed': [
    walk.accept(),
    walk.alive(),
    walk.claim(),
    walk.release('content_rejected'),
    walk.reopen('retry'),
  ],
  'a retry of what was canceled': [walk.accept(), walk.cancel(), walk.reopen('retry')],
  'a spare of what was canceled': [
    ...[walk.accept(), walk.alive(), walk.claim(), walk.cancel(), walk.publish(), walk.reopen('retry')],
  ],
  'a spare of what failed': [
    ...[
      walk.accept(),
      walk.claim(1),
      walk.claim(2),
      walk.release('content_rejected'),
      walk.publish(1),
      walk.reopen('retry'),
    ],
  ],
  'a spare of what needs review': [...inReview, walk.publish(), walk.reopen('resolve_retry', true)],
  'a human who lets it fail': [...inReview, walk.reopen('resolve_fail', false)],
  'a human who tries again': [...inReview, walk.reopen('resolve_retry')],
  'dead workers until a human is asked': [walk.accept(), walk.claim(1), walk.claim(2), walk.claim(1)],
  'a dead worker under the policy fail': [walk.accept(2), walk.claim(1), walk.claim(2)],
  'workers that are known to be dead': [
    ...[walk.accept(), walk.alive(), walk.claim(), walk.died(), walk.claim(), walk.died(), walk.died(1)],
    ...[walk.accept(2), walk.claim(), walk.died(), walk.accept(1), walk.died(null), walk.claim(), walk.claim()],
    ...[walk.accept(2), walk.died(null), walk.claim(), walk.accept(), walk.claim(), walk.cancel(), walk.died()],
  ],
  'calls that Redis forgot': [
    ...[walk.accept(), walk.alive(), walk.lost('timeout'), walk.claim(), walk.lost('timeout'), walk.release('timeout')],
    ...[walk.accept(), walk.lost('stated_failure'), walk.lost('account', true), walk.claim()],
  ],
  'a dead worker under a hold': [
    ...[
      walk.accept(),
      walk.alive(),
      walk.claim(),
      walk.accept(),
      walk.claim(),
      walk.release('account', true),
      walk.dead(),
    ],
    walk.claim(1, false, 1),
  ],
  'a dead call of an older run': [
    ...[
      walk.accept(),
      walk.alive(),
      walk.claim(),
      walk.cancel(),
      walk.reopen('retry'),
      walk.dead(),
      walk.claim(1, true),
    ],
  ],
  'a scheduled song': [
    ...[walk.accept(0, { scheduled: true, deadline: true }), walk.alive(), walk.claim(), walk.due(), walk.later('due')],
    ...[walk.due(), walk.claim(), walk.later('late'), walk.due(), walk.publish()],
  ],
  'a scheduled song that is canceled': [walk.accept(0, { scheduled: true }), walk.cancel(), walk.reopen('retry')],
  'a scheduled song whose call Redis forgot': [
    ...[walk.accept(0, { scheduled: true }), publish({ ...plainly, call: null })],
  ],
  'songs that started too late': [
    ...[walk.accept(0, { deadline: true }), walk.alive(), walk.later('late'), walk.claim(), walk.reopen('retry')],
    ...[walk.accept(0, { deadline: true }), walk.later('late'), walk.due()],
    ...[walk.accept(0, { scheduled: true, deadline: true }), walk.later('due'), walk.later('late'), walk.due()],
    ...[walk.due(), walk.feed()],
  ],
  'an upstream out of reach': [
    ...[walk.accept(), walk.alive()],
    ...Array.from({ length: 5 }, () => [walk.claim(), walk.release('not_sent')]).flat(),
    ...[walk.claim(), probe({ twice: true }), walk.claim(), walk.accept(), walk.claim(), walk.cancel()],
    // The probe finds nobody, the next one is never heard of, and the one after it brings a song.
    ...[walk.release('not_sent'), probe({ twice: true }), walk.accept(), walk.claim()],
    ...[later({ what: 'probe', record: 0, worker: 0 }), walk.accept(), walk.claim(), walk.publish()],
  ],
  'an answer found on disk': [
    ...[walk.accept(), walk.claim(1), walk.claim(2), walk.release('not_sent'), walk.answered(1), walk.claim(1)],
    walk.publish(1),
  ],
  'an answer found on disk and lost again': [
    ...[walk.accept(), walk.claim(1), walk.claim(2), walk.release('not_sent'), walk.answered(1)],
    ...[
      release({ ...plainly, call: 1, kind: KINDS.indexOf('unusable_audio'), delayed: false, hold: false }),
      walk.claim(1),
    ],
  ],
  'unknown charges under lowered limits': [
    ...[walk.accept(), walk.alive(), walk.claim(), walk.release('timeout'), walk.claim(0, true)],
  ],
  'attempts under lowered limits': [
    ...[
      walk.accept(),
      walk.alive(),
      walk.claim(),
      walk.release('stated_failure'),
      walk.claim(),
      walk.release('stated_failure'),
    ],
    walk.claim(0, true),
  ],
};

describe('the records and their model', () => {
  it.each(Object.entries(WALKS))('agree after every step of %s', async (_title, walked) => {
    await withRun(async (setup) => {
      const { model, real } = await setup();
      for (const step of walked) {
        expect(step.check(model)).toBe(true);
        await step.run(model, real);
      }
    });
  });

  it('agree after every step of random runs', async () => {
    await fc.assert(
      fc.asyncProperty(fc.commands(steps, { maxCommands: 70, size: 'max' }), (commands) =>
        withRun((setup) => fc.asyncModelRun(setup, commands)),
      ),
      { numRuns: 100 },
    );
  });

  it('took every arrow of docs/job-states.md by now, each by its script, and no other one', () => {
    // The model knows no references; references.redis.test.ts takes the arrows that they bring.
    const modelled = arrowsOfDocs().filter((arrow) => !isByReference(arrow));
    expect([...seen].sort()).toEqual(modelled.map(wordsOf).sort());
  });
});
