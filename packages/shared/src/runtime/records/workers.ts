import type { WorkerState } from '../../contract/worker.ts';
import { rfc3339 } from './present.ts';
import type { RecordStore } from './store.ts';

/** What a worker says of itself with each heartbeat. */
export interface AboutWorker {
  readonly host: string;
  readonly pid: number;
  readonly node: string;
  /** Unix ms. */
  readonly started_at: number;
  /** Calls it has in hand. */
  readonly in_use: number;
}

/** Workers that showed themselves lately, the silent ones among them; a worker that left is not told. */
export async function readWorkers({ redis, keys }: RecordStore, leaseMs: number): Promise<WorkerState[]> {
  const [flat, time] = await Promise.all([redis.zrange(keys.workers, '0', '-1', 'WITHSCORES'), redis.time()]);
  const nowMs = Number(time[0]) * 1000;
  const seen = new Map<string, number>();
  for (let at = 0; at < flat.length; at += 2) seen.set(flat[at]!, Number(flat[at + 1]));
  const ids = [...seen.keys()].toSorted();
  return Promise.all(
    ids.map(async (id) => {
      const [concurrency, text] = await redis.hmget(keys.worker(id), 'concurrency', 'about');
      const about = JSON.parse(text ?? '{}') as Partial<AboutWorker>;
      return {
        id,
        object: 'worker' as const,
        alive: seen.get(id)! + leaseMs > nowMs,
        started_at: about.started_at === undefined ? null : rfc3339(about.started_at),
        seen_at: rfc3339(seen.get(id)!),
        slots: { total: Number(concurrency ?? 0), in_use: about.in_use ?? null },
        host: about.host ?? null,
        pid: about.pid ?? null,
        node: about.node ?? null,
      };
    }),
  );
}
