import { setTimeout as delay } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import type { RecordStore } from '../records/store.ts';
import { redisTrouble } from '../redis-trouble.ts';

/** What Redis says of itself; null = it does not tell. */
export interface RedisFacts {
  readonly version: string | null;
  readonly aof: boolean | null;
  /** `appendfsync`: what a 2xx stands on. */
  readonly fsync: string | null;
  readonly eviction: string | null;
  readonly replicas: number;
  /** Used part of `maxmemory`, 0 to 1; null without a limit. */
  readonly memory: number | null;
  /** Redis' clock minus ours, as far as the way there and back does not explain it. */
  readonly skewMs: number;
  /** Why it takes no writes now. */
  readonly refuses: string | null;
  readonly latencyMs: number;
}

/** The first version that knows `SET … NX GET`, with which our leases are taken. */
const OLDEST = '7.0.0';
const MOST_SKEW_MS = 2000;
const NEARLY_FULL = 0.9;
const ANSWER_LIMIT_MS = 2000;

/**
 * Asks once; writes nothing.
 * @throws Error when Redis is not connected or does not answer within two seconds
 */
export async function readRedisFacts(store: RecordStore): Promise<RedisFacts> {
  // A command for a connection that is down would wait with all that were asked before it.
  if (store.redis.status !== 'ready') throw new Error('Connection is closed.');
  const limit = new AbortController();
  try {
    return await Promise.race([
      ask(store),
      delay(ANSWER_LIMIT_MS, undefined, { signal: limit.signal }).then(() => {
        throw new Error('Command timed out');
      }),
    ]);
  } finally {
    limit.abort();
  }
}

async function ask({ redis, keys }: RecordStore): Promise<RedisFacts> {
  const began = performance.now();
  const info = await redis.info();
  const latencyMs = Math.round((performance.now() - began) * 10) / 10;
  const skewMs = await clockSkewMs(redis);
  const field = (name: string) => new RegExp(`^${name}:(\\S+)`, 'm').exec(info)?.[1] ?? null;
  const aof = field('aof_enabled');
  const [used, most] = [Number(field('used_memory') ?? 0), Number(field('maxmemory') ?? 0)];
  // Managed servers refuse CONFIG; then the policy stays unnamed.
  const [, fsync = null] = await redis.config('GET', 'appendfsync').catch(() => []);
  return {
    version: field('redis_version'),
    aof: aof === null ? null : aof === '1',
    fsync,
    eviction: field('maxmemory_policy'),
    replicas: Number(field('connected_slaves') ?? 0),
    memory: most > 0 ? used / most : null,
    skewMs,
    refuses: await refusedWrites(redis, `${keys.root}write-check`),
    latencyMs,
  };
}

/** Redis answers some time between sending and hearing, so half of that time may be error. */
async function clockSkewMs(redis: Redis): Promise<number> {
  const sentMs = Date.now();
  const began = performance.now();
  const [seconds, micros] = (await redis.time()).map(Number) as [number, number];
  const halfWayMs = (performance.now() - began) / 2;
  const skewMs = seconds * 1000 + micros / 1000 - (sentMs + halfWayMs);
  return Math.sign(skewMs) * Math.max(Math.abs(skewMs) - halfWayMs, 0);
}

/** A write that changes nothing: of a key that is not there, and only if it is there. */
async function refusedWrites(redis: Redis, key: string): Promise<string | null> {
  try {
    await redis.set(key, '', 'XX');
    return null;
  } catch (error) {
    const trouble = redisTrouble(error);
    if (trouble === null || trouble.mayBeDone) throw error;
    return trouble.says;
  }
}

export interface RedisVerdict {
  /** It is set up so that accepted songs may be lost: nobody starts on it. Each says what to do. */
  readonly faults: readonly string[];
  /** Works, but with less than the promise, or not for long. */
  readonly warnings: readonly string[];
}

/** What has to be mended, and what an operator should know. Pure. */
export function judgeRedis(facts: RedisFacts): RedisVerdict {
  const { version, aof, fsync, eviction, replicas, memory, skewMs } = facts;
  const faults: string[] = [];
  const warnings: string[] = [];
  if (eviction !== null && eviction !== 'noeviction') {
    faults.push(`maxmemory-policy is ${eviction} and must be noeviction, or Redis may drop what was accepted`);
  }
  if (version !== null && isOlder(version, OLDEST)) faults.push(`Redis is ${version} and must be ${OLDEST} or later`);
  if (aof === false) faults.push('appendonly is no and must be yes, or a restart of Redis forgets what was accepted');
  const unknown = [
    version === null && 'version',
    aof === null && 'appendonly',
    eviction === null && 'maxmemory-policy',
  ];
  for (const name of unknown) if (name) warnings.push(`${name} is not known: Redis does not tell it`);
  if (fsync === null)
    warnings.push('appendfsync is not known: Redis does not let us ask, so it is not known what a 2xx stands on');
  else if (fsync === 'everysec')
    warnings.push('appendfsync is everysec: a power cut may forget the last second; always forgets nothing');
  else if (fsync !== 'always')
    warnings.push(`appendfsync is ${fsync}: a power cut may forget half a minute; always forgets nothing`);
  if (replicas > 0)
    warnings.push('Redis has replicas, which write later: a failover may forget what they have not got');
  if (memory !== null && memory > NEARLY_FULL)
    warnings.push('Redis has used nine tenths of its maxmemory; when it is full nothing new is taken');
  if (Math.abs(skewMs) > MOST_SKEW_MS) {
    const side = skewMs > 0 ? 'behind' : 'ahead of';
    warnings.push(`the clock of this machine is more than 2 s ${side} that of Redis; let NTP set both`);
  }
  return { faults, warnings };
}

function isOlder(version: string, than: string): boolean {
  const [a, b] = [version.split('.').map(Number), than.split('.').map(Number)];
  for (let at = 0; at < b.length; at++) {
    if ((a[at] ?? 0) !== b[at]!) return (a[at] ?? 0) < b[at]!;
  }
  return false;
}
