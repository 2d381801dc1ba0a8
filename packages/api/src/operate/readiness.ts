import type { Logger } from '@songmill/shared/runtime/logger';
import { readHold } from '@songmill/shared/runtime/records/hold';
import type { RecordStore } from '@songmill/shared/runtime/records/store';
import { z } from 'zod';
import type { SongStorage } from '../context.ts';

const latency = z.number().nullable().meta({ description: 'of the check' });

export const readinessSchema = z
  .object({
    status: z.enum(['ready', 'degraded', 'unavailable', 'draining']),
    redis: z.object({
      status: z.enum(['ok', 'unavailable']),
      reason: z.string().nullable(),
      latency_ms: latency,
      aof: z.boolean().nullable(),
      fsync: z.string().nullable().meta({ description: 'appendfsync: what a 2xx stands on; null = not told' }),
      eviction: z.string().nullable().meta({ description: 'maxmemory-policy; must be noeviction' }),
    }),
    storage: z.object({ status: z.enum(['ok', 'unavailable']), reason: z.string().nullable(), latency_ms: latency }),
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

interface Deps {
  readonly store: RecordStore;
  readonly storage: SongStorage;
  readonly logger: Logger;
}

const FRESH_MS = 1000;
const CHECK_LIMIT_MS = 2000;

/** Checks at most once a second however often it is asked, or probes themselves would be load. */
export function createReadiness(deps: Deps): Readiness {
  let draining = false;
  let checked: { readonly at: number; readonly report: Promise<ReadinessReport> } | null = null;
  return {
    async report() {
      if (checked === null || performance.now() - checked.at > FRESH_MS) {
        checked = { at: performance.now(), report: check(deps) };
      }
      const report = await checked.report;
      return draining ? { ...report, status: 'draining' } : report;
    },
    drain() {
      draining = true;
    },
  };
}

async function check({ store, storage, logger }: Deps): Promise<ReadinessReport> {
  const [redis, stored, upstream] = await Promise.all([
    checkRedis(store, logger),
    timed(() => storage.check()).catch((error: unknown) => {
      logger.warn({ err: error }, 'storage check failed');
      return null;
    }),
    checkUpstream(store),
  ]);
  const ok = redis.status === 'ok' && stored !== null;
  return {
    status: ok ? (upstream.status === 'held' ? 'degraded' : 'ready') : 'unavailable',
    redis,
    storage: {
      status: stored === null ? 'unavailable' : 'ok',
      reason: stored === null ? 'songs cannot be stored now' : null,
      latency_ms: stored,
    },
    upstream,
  };
}

async function checkRedis({ redis }: RecordStore, logger: Logger): Promise<ReadinessReport['redis']> {
  try {
    let info = '';
    const took = await timed(async () => {
      info = await redis.info('persistence', 'memory');
    });
    const eviction = /^maxmemory_policy:(\S+)/m.exec(info)?.[1] ?? null;
    const aof = /^aof_enabled:(\d)/m.exec(info)?.[1] ?? null;
    // Managed servers refuse CONFIG; then the policy stays unnamed.
    const [, fsync = null] = await redis.config('GET', 'appendfsync').catch(() => []);
    const evicts = eviction !== null && eviction !== 'noeviction';
    return {
      status: evicts ? 'unavailable' : 'ok',
      reason: evicts ? 'maxmemory-policy must be noeviction, or Redis may drop what was accepted' : null,
      latency_ms: took,
      aof: aof === null ? null : aof === '1',
      fsync,
      eviction,
    };
  } catch (error) {
    logger.debug({ err: error }, 'redis check failed');
    const reason = 'does not answer';
    return { status: 'unavailable', reason, latency_ms: null, aof: null, fsync: null, eviction: null };
  }
}

async function checkUpstream(store: RecordStore): Promise<ReadinessReport['upstream']> {
  try {
    const hold = await readHold(store, 'account');
    return hold === null ? { status: 'ok', reason: null } : { status: 'held', reason: hold.reason };
  } catch {
    return { status: 'unknown', reason: null };
  }
}

/** Milliseconds that the work took. @throws Error when it fails or takes longer than two seconds */
async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${CHECK_LIMIT_MS} ms`)), CHECK_LIMIT_MS);
  });
  try {
    await Promise.race([work(), limit]);
  } finally {
    clearTimeout(timer);
  }
  return Math.round((performance.now() - began) * 10) / 10;
}
