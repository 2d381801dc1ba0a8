import type { Generation } from '../../contract/generation.ts';
import type { Blocker } from '../../contract/words.ts';
import { jobId } from '../queues.ts';
import { rfc3339 } from './present.ts';
import type { RecordStore } from './store.ts';
import type { GenerationRecord } from './types.ts';

type QueueInfo = NonNullable<Generation['queue']>;

/**
 * Where a waiting generation stands and the first thing that stops it; null once it does not wait.
 * Ranks and single keys only: one round trip, O(log n).
 */
export async function waitInfo(
  store: RecordStore,
  record: GenerationRecord,
  leaseMs: number,
): Promise<QueueInfo | null> {
  if (record.status !== 'queued' && record.status !== 'scheduled') return null;
  const { redis, keys } = store;
  const replies = await redis
    .pipeline()
    .zrank(keys.ready, record.id)
    .zrank(keys.bull('prioritized'), jobId(record))
    .zcard(keys.bull('prioritized'))
    .hget(keys.bull('meta'), 'paused')
    .hmget(keys.hold('account'), 'reason', 'next_probe_at')
    .hmget(keys.hold(`model:${record.request.model}`), 'reason', 'next_probe_at')
    .zrevrange(keys.workers, 0, 0, 'WITHSCORES')
    .get(keys.brake)
    .pttl(keys.brake)
    .time()
    .exec();
  const [ready, inWindow, waiting, paused, account, model, worker, brake, brakeMs, time] = (replies ?? []).map(
    ([error, reply]) => {
      if (error) throw error;
      return reply;
    },
  ) as [
    number | null,
    number | null,
    number,
    string | null,
    (string | null)[],
    (string | null)[],
    string[],
    string | null,
    number,
    [string, string],
  ];
  const now = Number(time[0]) * 1000 + Math.floor(Number(time[1]) / 1000);
  const position = inWindow !== null ? inWindow + 1 : ready !== null ? waiting + ready + 1 : null;
  const blocked = blocker();
  return {
    position,
    eta_seconds: null,
    blocked_by: blocked.by,
    blocked_until: blocked.untilMs === null ? null : rfc3339(blocked.untilMs),
    reason: blocked.reason,
  };

  function blocker(): { by: Blocker | null; untilMs: number | null; reason: string | null } {
    if (paused !== null) return { by: 'paused', untilMs: null, reason: 'an operator paused the queue' };
    if (account[1]) return { by: 'account', untilMs: Number(account[1]), reason: account[0] ?? null };
    if (model[1]) return { by: 'model', untilMs: Number(model[1]), reason: model[0] ?? null };
    // Without a time: an answer of an earlier run waits for storage.
    const waits = record.notBeforeMs === null || record.notBeforeMs > now;
    if (record.waitReason === 'storage' && waits) return { by: 'storage', untilMs: record.notBeforeMs, reason: null };
    const seen = Number(worker[1] ?? 0);
    if (seen + leaseMs <= now) return { by: 'no_worker', untilMs: null, reason: 'no worker is alive' };
    if (record.waitReason !== null && record.notBeforeMs !== null && record.notBeforeMs > now) {
      return { by: record.waitReason as Blocker, untilMs: record.notBeforeMs, reason: null };
    }
    if (brake !== null) return { by: brake as Blocker, untilMs: now + Math.max(brakeMs, 0), reason: null };
    return { by: null, untilMs: null, reason: null };
  }
}
