import type { Generation } from '../../contract/generation.ts';
import { BLOCKERS, type Blocker } from '../../contract/words.ts';
import { jobId } from '../queues.ts';
import { brakesOf } from './brake.ts';
import { etaMs } from './eta.ts';
import { rfc3339 } from './present.ts';
import type { RecordStore } from './store.ts';
import type { GenerationRecord } from './types.ts';

type QueueInfo = NonNullable<Generation['queue']>;

interface Cause {
  /** Null when nobody knows how long. */
  readonly untilMs: number | null;
  readonly reason: string | null;
}

/** What ends at a time that nobody knows, even if the next look has one. */
const OPEN_ENDED: readonly Blocker[] = ['reference', 'paused', 'account', 'model', 'storage', 'no_worker', 'upstream'];

/**
 * Where a waiting generation stands, when its call probably starts, and the first thing that stops it
 * in the order of the contract; null once it does not wait. Ranks, single keys and a list of 50
 * numbers: one round trip, O(log n).
 */
export async function waitInfo(
  store: RecordStore,
  record: GenerationRecord,
  leaseMs: number,
): Promise<QueueInfo | null> {
  if (record.status !== 'queued' && record.status !== 'scheduled') return null;
  const line = await readLine(store, record);
  const causes = causesOf(record, line, leaseMs);
  const by = BLOCKERS.find((blocker) => causes.has(blocker)) ?? null;
  const cause = by === null ? null : causes.get(by)!;
  const eta = OPEN_ENDED.some((blocker) => causes.has(blocker)) ? null : startsInMs(record, line);
  return {
    position: line.position,
    eta_seconds: eta === null ? null : Math.round(eta / 100) / 10,
    blocked_by: by,
    blocked_until: cause?.untilMs == null ? null : rfc3339(cause.untilMs),
    reason: cause?.reason ?? null,
  };
}

/** A reference is named, and its id is not in the request yet. */
function awaitsReference({ request }: GenerationRecord): boolean {
  const { voice_reference: voice, instrumental_reference: instrumental } = request;
  return Boolean((voice && !request.refer_voice) || (instrumental && !request.refer_instrumental));
}

type Line = Awaited<ReturnType<typeof readLine>>;

/** All that is asked of Redis, in one round trip. */
async function readLine({ redis, keys }: RecordStore, record: GenerationRecord) {
  const pipeline = redis
    .pipeline()
    .zrank(keys.ready, record.id)
    .zrank(keys.bull('prioritized'), jobId(record))
    .zcard(keys.bull('prioritized'))
    .zcard(keys.ready)
    .llen(keys.bull('active'))
    .hmget(keys.bull('meta'), 'paused', 'max', 'duration')
    .get(keys.bull('limiter'))
    .pttl(keys.bull('limiter'))
    .hmget(keys.hold('account'), 'reason', 'next_probe_at')
    .hmget(keys.hold(`model:${record.request.model}`), 'reason', 'next_probe_at')
    .hmget(keys.breaker, 'reason', 'next_probe_at')
    .zrevrange(keys.workers, 0, 0, 'WITHSCORES')
    .zrange(keys.brakes, '0', '-1', 'WITHSCORES')
    .get(keys.slots)
    .lrange(keys.durations, 0, -1)
    .hget(keys.paused('generate'), 'reason')
    .hget(keys.storageTrouble, 'reason')
    .time();
  const replies = ((await pipeline.exec()) ?? []).map(([error, reply]) => {
    if (error) throw error;
    return reply;
  });
  const next = <T>() => replies.shift() as T;
  const [ready, inWindow, waitsInWindow, waitsInReady, running] = [
    next<number | null>(),
    next<number | null>(),
    next<number>(),
    next<number>(),
    next<number>(),
  ];
  const [paused, max, windowMs] = next<(string | null)[]>();
  const rate = {
    ...{ max: Number(max ?? Number.MAX_SAFE_INTEGER), windowMs: Number(windowMs ?? 0) },
    ...{ used: Number(next<string | null>() ?? 0), endsMs: Math.max(next<number>(), 0) },
  };
  const [account, model, breaker] = [next<(string | null)[]>(), next<(string | null)[]>(), next<(string | null)[]>()];
  const seenMs = Number(next<string[]>()[1] ?? 0);
  const brakes = brakesOf(next<string[]>());
  const slots = Number(next<string | null>() ?? 0);
  const callsMs = next<string[]>().map(Number);
  const pauseReason = next<string | null>() || null;
  const storageReason = next<string | null>();
  const [seconds, micros] = next<[string, string]>();
  return {
    nowMs: Number(seconds) * 1000 + Math.floor(Number(micros) / 1000),
    position: inWindow !== null ? inWindow + 1 : ready !== null ? waitsInWindow + ready + 1 : null,
    waiting: waitsInWindow + waitsInReady,
    flow: { callsMs, slots, running, rate },
    ...{ paused: paused !== null, pauseReason, storageReason, account, model, breaker, seenMs, brakes },
  };
}

/** Everything that stops it now, each under its word. */
function causesOf(record: GenerationRecord, line: Line, leaseMs: number): ReadonlyMap<Blocker, Cause> {
  const { nowMs, position, flow, account, model, breaker, brakes } = line;
  const causes = new Map<Blocker, Cause>();
  const add = (by: Blocker, untilMs: number | null, reason: string | null = null) => {
    if (!causes.has(by)) causes.set(by, { untilMs, reason });
  };
  const { notBeforeMs, waitReason } = record;
  if (record.status === 'scheduled') add('schedule', startsAtMs(record));
  if (awaitsReference(record)) add('reference', null, 'a reference is not uploaded yet');
  if (line.paused) add('paused', null, line.pauseReason ?? 'an operator paused the queue');
  if (account[1]) add('account', Number(account[1]), account[0] ?? null);
  if (model[1]) add('model', Number(model[1]), model[0] ?? null);
  if (breaker[1]) add('upstream', Number(breaker[1]), breaker[0] ?? null);
  if (line.seenMs + leaseMs <= nowMs) add('no_worker', null, 'no worker is alive');
  // Without a time: an answer of an earlier run waits for storage.
  if (waitReason === 'storage' && notBeforeMs === null) add('storage', null);
  if (waitReason !== null && notBeforeMs !== null && notBeforeMs > nowMs) add(waitReason as Blocker, notBeforeMs);
  for (const { reason, untilMs } of brakes) {
    if (untilMs > nowMs) add(reason, untilMs, reason === 'storage' ? line.storageReason : null);
  }
  if (position === 1) {
    const { rate, running, slots } = flow;
    // A slot is there, but the rate lets nothing start yet; or the rate would, and every slot is busy.
    if (running >= slots) add('concurrency', null);
    else if (rate.endsMs > 0 && rate.used >= rate.max) add('rate_limit', nowMs + rate.endsMs);
  }
  return causes;
}

/** Before this nothing is done for it; 0 = at any time. */
function startsAtMs({ status, notBeforeMs, request }: GenerationRecord): number {
  return status === 'scheduled' ? Date.parse(request.run_at!) : (notBeforeMs ?? 0);
}

function startsInMs(record: GenerationRecord, { nowMs, position, waiting, flow }: Line): number | null {
  // One that is parked goes ahead of its class when its time comes; a scheduled one joins the line that is left then.
  const place = position ?? (record.status === 'scheduled' ? waiting + 1 : 1);
  return etaMs(place, Math.max(startsAtMs(record) - nowMs, 0), flow);
}
