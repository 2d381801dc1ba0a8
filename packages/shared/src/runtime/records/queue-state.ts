import type { QueueState } from '../../contract/queue.ts';
import { QUEUES, type QueueName } from '../../contract/words.ts';
import { readHold } from './hold.ts';
import { rfc3339 } from './present.ts';
import type { RecordStore } from './store.ts';

const COUNTED = ['scheduled', 'queued', 'processing'] as const;
type Counts = QueueState['counts'];

/** What waits in a queue: how much, and when the oldest of it was asked for (Unix ms). */
interface Line {
  readonly counts: Counts;
  readonly oldestMs: number | null;
}

/** Every queue of the contract as operators see it. Counts are lengths of indexes: O(projects), three round trips. */
export async function readQueues(store: RecordStore): Promise<QueueState[]> {
  const { redis, keys } = store;
  const [projects, scopes, time] = await Promise.all([
    redis.smembers(keys.projects),
    redis.smembers(`${keys.root}holds`),
    redis.time(),
  ]);
  const nowMs = Number(time[0]) * 1000;
  const [generations, breaker, ...holds] = await Promise.all([
    lineOfGenerations(store, projects),
    readBreaker(store),
    ...scopes.toSorted().map((scope) => holdOf(store, scope)),
  ]);
  const held = holds.filter((hold) => hold !== null);
  return Promise.all(
    QUEUES.map(async (name) => {
      const line =
        name === 'generate'
          ? generations
          : name === 'deliver'
            ? await lineOfDeliveries(store, projects)
            : await lineOfJobs(store, name);
      const [paused, rate] = await Promise.all([readPause(store, name), readRate(store, name)]);
      return {
        name,
        object: 'queue' as const,
        counts: line.counts,
        oldest_seconds: line.oldestMs === null ? null : Math.max(Math.round((nowMs - line.oldestMs) / 1000), 0),
        paused,
        // A held account stops whatever calls the upstream; a held model only songs.
        holds:
          name === 'generate' ? held : name === 'references' ? held.filter(({ scope }) => scope === 'account') : [],
        rate,
        breaker: name === 'generate' ? breaker : null,
      };
    }),
  );
}

async function lineOfGenerations({ redis, keys }: RecordStore, projects: readonly string[]): Promise<Line> {
  const pipeline = redis.pipeline();
  for (const project of projects) {
    for (const status of COUNTED) pipeline.zcard(keys.list(project, status));
    pipeline.zrange(keys.list(project, 'queued'), '0', '0', 'WITHSCORES');
  }
  const replies = results(await pipeline.exec());
  const counts: Counts = { scheduled: 0, queued: 0, processing: 0 };
  let oldestMs: number | null = null;
  for (const _project of projects) {
    for (const status of COUNTED) counts[status] += replies.shift() as number;
    // Ordinals are microseconds.
    const [, ordinal] = replies.shift() as string[];
    if (ordinal !== undefined) oldestMs = Math.min(oldestMs ?? Number.POSITIVE_INFINITY, Number(ordinal) / 1000);
  }
  return { counts, oldestMs };
}

/** Queues whose work is in no list of ours by status: what BullMQ says. */
async function lineOfJobs({ redis, keys }: RecordStore, name: QueueName): Promise<Line> {
  const key = (part: string) => `${keys.root}bull:${name}:${part}`;
  const replies = await redis
    .pipeline()
    .llen(key('wait'))
    .zcard(key('prioritized'))
    .zcard(key('delayed'))
    .llen(key('active'))
    .zrange(keys.uploads, '0', '0', 'WITHSCORES')
    .exec();
  const [waiting, prioritized, delayed, active, oldest] = results(replies) as [
    number,
    number,
    number,
    number,
    string[],
  ];
  const ordinal = name === 'references' ? oldest[1] : undefined;
  return {
    counts: { scheduled: 0, queued: waiting + prioritized + delayed, processing: active },
    oldestMs: ordinal === undefined ? null : Number(ordinal) / 1000,
  };
}

/** Deliveries that wait for an attempt, whether their first or a later one; BullMQ has those that are due. */
async function lineOfDeliveries({ redis, keys }: RecordStore, projects: readonly string[]): Promise<Line> {
  const pipeline = redis.pipeline().llen(`${keys.root}bull:deliver:active`);
  for (const project of projects) {
    const pending = `${keys.root}dl:${project}:pending`;
    pipeline.zcard(pending).zrange(pending, '0', '0', 'WITHSCORES');
  }
  const [active, ...replies] = results(await pipeline.exec()) as [number, ...unknown[]];
  let pending = 0;
  let oldestMs: number | null = null;
  for (const _project of projects) {
    pending += replies.shift() as number;
    const [, ordinal] = replies.shift() as string[];
    if (ordinal !== undefined) oldestMs = Math.min(oldestMs ?? Number.POSITIVE_INFINITY, Number(ordinal) / 1000);
  }
  return { counts: { scheduled: 0, queued: Math.max(pending - active, 0), processing: active }, oldestMs };
}

async function readPause({ redis, keys }: RecordStore, name: QueueName): Promise<QueueState['paused']> {
  const [paused, [reason, by, at]] = await Promise.all([
    redis.hget(`${keys.root}bull:${name}:meta`, 'paused'),
    redis.hmget(keys.paused(name), 'reason', 'by', 'at'),
  ]);
  if (paused === null) return null;
  return { reason: reason || null, by: by ?? null, at: at ? rfc3339(Number(at)) : null };
}

/** As the workers wrote it for BullMQ: so many starts in so many milliseconds, so many at once. */
async function readRate({ redis, keys }: RecordStore, name: QueueName): Promise<QueueState['rate']> {
  const [max, duration, concurrency] = await redis.hmget(
    `${keys.root}bull:${name}:meta`,
    ...['max', 'duration', 'concurrency'],
  );
  if (!max && !concurrency) return null;
  const perMinute = max && duration ? Math.round((Number(max) * 60_000) / Number(duration)) : null;
  return {
    per_minute: perMinute === null || perMinute > MOST_PER_MINUTE ? null : perMinute,
    concurrency: concurrency ? Number(concurrency) : null,
  };
}

/** More than any setting allows: "unlimited" is written as a huge number. */
const MOST_PER_MINUTE = 1_000_000;

async function readBreaker({ redis, keys }: RecordStore): Promise<NonNullable<QueueState['breaker']>> {
  const [failures, since, reason, next] = await redis.hmget(
    keys.breaker,
    ...['failures', 'since', 'reason', 'next_probe_at'],
  );
  return {
    state: since ? 'open' : 'closed',
    failures: Number(failures ?? 0),
    reason: since ? (reason ?? null) : null,
    since: since ? rfc3339(Number(since)) : null,
    next_probe_at: since && next ? rfc3339(Number(next)) : null,
  };
}

async function holdOf(store: RecordStore, name: string): Promise<QueueState['holds'][number] | null> {
  const hold = await readHold(store, name);
  if (hold === null) return null;
  const model = name.startsWith('model:') ? name.slice('model:'.length) : null;
  return {
    scope: model === null ? 'account' : 'model',
    model,
    code: hold.code,
    reason: hold.reason,
    since: rfc3339(hold.sinceMs),
    next_probe_at: rfc3339(hold.nextProbeMs),
  };
}

function results(replies: [Error | null, unknown][] | null): unknown[] {
  return (replies ?? []).map(([error, reply]) => {
    if (error) throw error;
    return reply;
  });
}
