import { setTimeout as delay } from 'node:timers/promises';
import { ConfigError } from '../config.ts';
import type { Part } from '../lifecycle.ts';
import type { Logger } from '../logger.ts';
import type { RecordStore } from '../records/store.ts';
import type { Storage } from '../storage/storage.ts';
import { StorageError } from '../storage/storage-error.ts';
import { judgeRedis, readRedisFacts } from './redis-facts.ts';
import { type Sameness, sameStorage } from './storage-marker.ts';
import { createTroubleLog } from './trouble-log.ts';

/** What processes stand on, as `/readyz` tells it: names no host and no path. */
export interface FoundationsReport {
  readonly redis: {
    readonly status: 'ok' | 'unavailable';
    readonly reason: string | null;
    readonly warnings: string[];
    readonly latency_ms: number | null;
    readonly version: string | null;
    readonly aof: boolean | null;
    readonly fsync: string | null;
    readonly eviction: string | null;
    readonly clock_skew_ms: number | null;
  };
  readonly storage: {
    readonly status: 'ok' | 'low' | 'unavailable';
    readonly reason: string | null;
    readonly latency_ms: number | null;
    readonly free_bytes: number | null;
  };
  /** Why nothing may be paid for now. */
  readonly stop: Stop | null;
}

/** `low`: no room for songs; `storage`: not the storage, or none; `redis`: it may forget what it is told. */
export interface Stop {
  readonly code: 'low' | 'storage' | 'redis';
  readonly reason: string;
}

export interface Foundations extends Part {
  /** The present state, at most a second old. Never rejects. */
  look(): Promise<FoundationsReport>;
}

export type CheckedStorage = Pick<Storage, 'check' | 'freeBytes' | 'readMark' | 'writeMark'>;

interface Deps {
  readonly store: RecordStore;
  readonly storage: CheckedStorage;
  readonly minFreeBytes: number;
  readonly logger: Logger;
  /** Told of each look that finds a stop. */
  readonly onStop?: (stop: Stop) => Promise<void>;
}

const FRESH_MS = 1000;
const LOOK_EVERY_MS = 10_000;
const CHECK_LIMIT_MS = 2000;

/**
 * Looks at Redis and storage every ten seconds, and for whoever asks, at most once a second. What is wrong is logged
 * when it begins, once a minute while it lasts, and when it is over.
 */
export function startFoundations(deps: Deps): Foundations {
  const say = createTroubleLog(deps.logger);
  let looked: { readonly at: number; readonly report: Promise<FoundationsReport> } | null = null;

  async function lookAfresh(): Promise<FoundationsReport> {
    const [redis, storage] = await Promise.all([lookAtRedis(deps), lookAtStorage(deps)]);
    const stop = stopOf(redis.faults, storage);
    say({
      errors: [...redis.faults, ...(storage.reason === null ? [] : [storage.reason])],
      warnings: [...redis.report.warnings, ...(redis.passing === null ? [] : [redis.passing])],
    });
    if (stop !== null) {
      await deps.onStop?.(stop).catch((error: unknown) => deps.logger.debug({ err: error }, 'noting what stops calls'));
    }
    const { status, reason, latency_ms, free_bytes } = storage;
    return { redis: redis.report, storage: { status, reason, latency_ms, free_bytes }, stop };
  }
  function look(): Promise<FoundationsReport> {
    if (looked === null || performance.now() - looked.at > FRESH_MS) {
      looked = { at: performance.now(), report: lookAfresh() };
    }
    return looked.report;
  }
  const timer = setInterval(() => void look(), LOOK_EVERY_MS).unref();
  return {
    look,
    async stop() {
      clearInterval(timer);
      await looked?.report;
    },
  };
}

/**
 * Refuses a Redis on which accepted songs could be lost. One that is away or does not answer is let pass: the
 * foundations say so as soon as it is there.
 * @throws ConfigError naming each fault and its remedy
 */
export async function refuseUnsafeRedis(store: RecordStore): Promise<void> {
  const facts = await readRedisFacts(store).catch(() => null);
  const faults = facts === null ? [] : judgeRedis(facts).faults;
  if (faults.length > 0) throw new ConfigError(faults.map((fault) => `REDIS_URL: ${fault}`));
}

interface RedisLook {
  readonly report: FoundationsReport['redis'];
  readonly faults: readonly string[];
  /** Trouble that ends by itself, or with Redis' own. */
  readonly passing: string | null;
}

async function lookAtRedis({ store, logger }: Deps): Promise<RedisLook> {
  try {
    const facts = await readRedisFacts(store);
    const { faults, warnings } = judgeRedis(facts);
    const { version, aof, fsync, eviction, refuses, latencyMs } = facts;
    const reason = faults.length > 0 ? faults.join('; ') : refuses;
    const report = {
      ...{ status: reason === null ? ('ok' as const) : ('unavailable' as const), reason, warnings: [...warnings] },
      ...{ latency_ms: latencyMs, version, aof, fsync, eviction, clock_skew_ms: Math.round(facts.skewMs) },
    };
    return { report, faults, passing: refuses };
  } catch (error) {
    logger.debug({ err: error }, 'redis check failed');
    const unknown = { latency_ms: null, version: null, aof: null, fsync: null, eviction: null, clock_skew_ms: null };
    const report = { status: 'unavailable' as const, reason: 'does not answer', warnings: [], ...unknown };
    return { report, faults: [], passing: 'Redis does not answer' };
  }
}

const NOT_SHARED: Readonly<Record<Exclude<Sameness, 'same'>, string>> = {
  other: 'the storage is not the one that the other processes use: compare STORAGE_URL and what is mounted there',
  empty: 'the storage is empty, but songs have been stored before: is the right disk mounted, is STORAGE_URL right?',
  unsettled: 'the storage is being marked by another process',
};

async function lookAtStorage({ store, storage, minFreeBytes, logger }: Deps): Promise<FoundationsReport['storage']> {
  const began = performance.now();
  try {
    const [sameness, free] = await withinLimit(async () => {
      await storage.check();
      // While Redis is away nothing can be bought, and the command would wait for it.
      const known = store.redis.status === 'ready';
      const same = known ? sameStorage(store, storage).catch(orUnknown) : Promise.resolve(null);
      return Promise.all([same, storage.freeBytes()]);
    });
    const latency_ms = Math.round((performance.now() - began) * 10) / 10;
    const base = { latency_ms, free_bytes: free };
    if (sameness !== null && sameness !== 'same') {
      return { status: 'unavailable', reason: NOT_SHARED[sameness], ...base };
    }
    if (free !== null && free < minFreeBytes) {
      return { status: 'low', reason: `less than STORAGE_MIN_FREE_BYTES (${minFreeBytes}) are free`, ...base };
    }
    return { status: 'ok', reason: null, ...base };
  } catch (error) {
    logger.debug({ err: error }, 'storage check failed');
    return { status: 'unavailable', reason: 'songs cannot be stored now', latency_ms: null, free_bytes: null };
  }
}

/** Redis went away meanwhile: nothing is known of the mark. */
function orUnknown(error: unknown): null {
  if (error instanceof StorageError) throw error;
  return null;
}

function stopOf(redisFaults: readonly string[], storage: FoundationsReport['storage']): Stop | null {
  if (storage.status === 'unavailable') return { code: 'storage', reason: storage.reason ?? '' };
  if (storage.status === 'low') return { code: 'low', reason: storage.reason ?? '' };
  return redisFaults.length > 0 ? { code: 'redis', reason: redisFaults.join('; ') } : null;
}

/** @throws Error after two seconds: a network disk that hangs never fails by itself */
async function withinLimit<T>(work: () => Promise<T>): Promise<T> {
  const limit = new AbortController();
  const late = delay(CHECK_LIMIT_MS, undefined, { signal: limit.signal }).then(() => {
    throw new StorageError('unavailable', `no answer within ${CHECK_LIMIT_MS} ms`);
  });
  const done = work();
  // What loses the race may still fail.
  done.catch(() => undefined);
  late.catch(() => undefined);
  try {
    return await Promise.race([done, late]);
  } finally {
    limit.abort();
  }
}
