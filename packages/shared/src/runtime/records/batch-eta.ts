import type { BatchEta, BatchRecord } from './batch-record.ts';
import { etaMs } from './eta.ts';
import type { RecordStore } from './store.ts';

/** How long until the last open song of a batch is made. One round trip. */
export async function etaOfBatch(store: RecordStore, { project, counts }: BatchRecord): Promise<BatchEta> {
  if (counts.queued === 0) return { seconds: null, basis: null };
  return etaOfItems(store, project, counts.queued);
}

/**
 * The same for as many items as a project has in line, or were to put there: projects take turns, so of
 * each other one at most as many go before the last of these. Null while too few calls were made to say.
 */
export async function etaOfItems({ redis, keys }: RecordStore, project: string, items: number): Promise<BatchEta> {
  const replies = await redis
    .pipeline()
    .hgetall(`${keys.root}fair`)
    .zcard(keys.bull('prioritized'))
    .llen(keys.bull('active'))
    .hmget(keys.bull('meta'), 'max', 'duration')
    .get(keys.bull('limiter'))
    .pttl(keys.bull('limiter'))
    .get(keys.slots)
    .lrange(keys.durations, 0, -1)
    .exec();
  const values = (replies ?? []).map(([error, reply]) => {
    if (error) throw error;
    return reply;
  });
  const [fair, inWindow, running, meta, used, endsMs, slots, durations] = values as [
    ...[Record<string, string>, number, number, (string | null)[], string | null, number, string | null, string[]],
  ];
  const callsMs = durations.map(Number);
  const [max, windowMs] = [Number(meta[0] ?? Number.MAX_SAFE_INTEGER), Number(meta[1] ?? 0)];
  const flow = {
    ...{ callsMs, slots: Number(slots ?? 0), running },
    rate: { max, windowMs, used: Number(used ?? 0), endsMs: Math.max(endsMs, 0) },
  };
  const startMs = etaMs(Math.max(inWindow, 0) + ahead(fair, project, items) + items, 0, flow);
  if (startMs === null) return { seconds: null, basis: null };
  const meanMs = callsMs.reduce((sum, ms) => sum + ms, 0) / callsMs.length;
  const rate = windowMs > 0 ? Math.round((max * 60_000) / windowMs) : null;
  const starts = rate === null || rate > 1_000_000 ? 'starts unlimited' : `${rate} starts a minute`;
  const basis = `${Math.round(meanMs / 100) / 10} s a call (mean of the last ${callsMs.length}), ${flow.slots} at once, ${starts}`;
  return { seconds: Math.round((startMs + meanMs) / 1000), basis };
}

/** Of other projects: all that is more urgent, and their turns among the bulk. */
function ahead(fair: Readonly<Record<string, string>>, project: string, items: number): number {
  let sum = 0;
  for (const [field, count] of Object.entries(fair)) {
    const match = /^n:(interactive|normal|bulk):(.*)$/.exec(field);
    if (match === null) continue;
    if (match[1] !== 'bulk') sum += Number(count);
    else if (match[2] !== project) sum += Math.min(Number(count), items);
  }
  return sum;
}
