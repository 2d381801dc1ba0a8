import type { Foundations, FoundationsReport } from '@songmill/shared/runtime/foundations/foundations';
import { readHold } from '@songmill/shared/runtime/records/hold';
import type { RecordStore } from '@songmill/shared/runtime/records/store';
import { z } from 'zod';

const latency = z.number().nullable().meta({ description: 'of the check' });

export const readinessSchema = z
  .object({
    status: z.enum(['ready', 'degraded', 'unavailable', 'draining']),
    redis: z.object({
      status: z.enum(['ok', 'unavailable']),
      reason: z.string().nullable(),
      warnings: z.array(z.string()).meta({ description: 'works, but with less than the promise, or not for long' }),
      latency_ms: latency,
      version: z.string().nullable(),
      aof: z.boolean().nullable(),
      fsync: z.string().nullable().meta({ description: 'appendfsync: what a 2xx stands on; null = not told' }),
      eviction: z.string().nullable().meta({ description: 'maxmemory-policy; must be noeviction' }),
      clock_skew_ms: z.number().nullable().meta({ description: "Redis' clock minus that of this process" }),
    }),
    storage: z.object({
      status: z.enum(['ok', 'low', 'unavailable']),
      reason: z.string().nullable(),
      latency_ms: latency,
      free_bytes: z.number().nullable().meta({ description: 'null = nobody can tell' }),
    }),
    upstream: z.object({ status: z.enum(['ok', 'held', 'unknown']), reason: z.string().nullable() }),
  })
  .meta({ id: 'Readiness' });
export type ReadinessReport = z.output<typeof readinessSchema>;

export interface Readiness {
  /** The present state, at most a second old. Reasons name what is wrong and never a host. */
  report(): Promise<ReadinessReport>;
  /** From now on the answer is "draining". */
  drain(): void;
}

/** What the process stands on and the state of the upstream, as one word and its reasons. */
export function createReadiness(store: RecordStore, foundations: Foundations): Readiness {
  let draining = false;
  return {
    async report() {
      const [{ redis, storage }, upstream] = await Promise.all([foundations.look(), checkUpstream(store)]);
      const status = draining ? 'draining' : statusOf(redis, storage, upstream);
      return { status, redis, storage, upstream };
    },
    drain() {
      draining = true;
    },
  };
}

function statusOf(
  redis: FoundationsReport['redis'],
  storage: FoundationsReport['storage'],
  upstream: ReadinessReport['upstream'],
): ReadinessReport['status'] {
  if (redis.status === 'unavailable' || storage.status === 'unavailable') return 'unavailable';
  const worse = redis.warnings.length > 0 || storage.status === 'low' || upstream.status === 'held';
  return worse ? 'degraded' : 'ready';
}

async function checkUpstream(store: RecordStore): Promise<ReadinessReport['upstream']> {
  try {
    const hold = await readHold(store, 'account');
    return hold === null ? { status: 'ok', reason: null } : { status: 'held', reason: hold.reason };
  } catch {
    return { status: 'unknown', reason: null };
  }
}
