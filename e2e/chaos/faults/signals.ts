import { createHash } from 'node:crypto';
import { open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type Keys, keysOf } from '@songmill/shared/runtime/records/keys';
import { readGenerations } from '@songmill/shared/runtime/records/read';
import { connectRedis } from '@songmill/shared/runtime/redis';
import type { Redis } from 'ioredis';
import { pick } from '../random.ts';
import type { ChaosProcess, ChaosSystem, Effect, Random } from '../types.ts';

/** What faults look at to know that they had an effect: Redis, the ledger, journals, the processes' own words. */

export function effect(effective: boolean, seen: string, ids: readonly string[] = []): Effect {
  return ids.length === 0 ? { effective, seen } : { effective, seen, ids };
}

/** Looks until there is something to see (neither null nor false nor 0); null when there was nothing within the limit. */
export async function seenWithin<T>(
  limitMs: number,
  look: () => T | null | undefined | false | 0 | Promise<T | null | undefined | false | 0>,
): Promise<T | null> {
  const limit = performance.now() + limitMs;
  for (;;) {
    const seen = await look();
    if (seen) return seen;
    if (performance.now() > limit) return null;
    await delay(15);
  }
}

export function between(low: number, high: number, random: Random): number {
  return Math.round(low + (high - low) * random());
}

/** One of those that run now. */
export function victimOf(processes: readonly ChaosProcess[], random: Random): ChaosProcess {
  const running = processes.filter((each) => each.process !== null);
  if (running.length === 0) throw new Error('none of them runs');
  return pick(running, random);
}

/** One of those that have calls open; null when none has within the limit. A worker may idle while others are quicker. */
export async function busyVictim(
  system: ChaosSystem,
  random: Random,
  limitMs: number,
): Promise<{ readonly victim: ChaosProcess; readonly held: readonly string[] } | null> {
  return seenWithin(limitMs, async () => {
    const running = system.workers.filter((each) => each.process !== null);
    const hands = await Promise.all(running.map(async (victim) => ({ victim, held: await openCalls(system, victim) })));
    const busy = hands.filter(({ held }) => held.length > 0);
    return busy.length > 0 ? pick(busy, random) : null;
  });
}

export function keysIn(system: ChaosSystem): Keys {
  return keysOf(system.settings['REDIS_PREFIX']!);
}

/** A wire of one's own to Redis, past the proxies. It waits for a Redis that is down. */
export async function withRedis<T>(system: ChaosSystem, use: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = connectRedis(system.redis.url, 'worker', () => undefined);
  try {
    return await use(redis);
  } finally {
    redis.disconnect();
  }
}

/** How often Redis has refused a command with this error (`OOM`, `MISCONF`, `READONLY`, `NOSCRIPT`) since its start. */
export async function refusals(redis: Redis, error: string): Promise<number> {
  const info = await redis.info('errorstats');
  return Number(new RegExp(`^errorstat_${error}:count=(\\d+)`, 'm').exec(info)?.[1] ?? 0);
}

export interface LedgerLine {
  readonly at: string;
  readonly event: 'call' | 'charge' | 'answer' | 'gone' | 'upload';
  readonly call: string;
  readonly lyrics?: string;
  readonly lyrics_sha256?: string;
  readonly fault?: string;
  readonly status?: number;
  readonly code?: number | string;
}

/** The ledger from here on: each look returns every line that was written since. */
export async function ledgerFromNow(system: ChaosSystem): Promise<() => Promise<readonly LedgerLine[]>> {
  const path = join(system.data, 'ledger.jsonl');
  let at = (await stat(path)).size;
  let torn = '';
  const lines: LedgerLine[] = [];
  return async () => {
    const text = torn + (await textFrom(path, at));
    at += Buffer.byteLength(text) - Buffer.byteLength(torn);
    const end = text.lastIndexOf('\n') + 1;
    torn = text.slice(end);
    for (const line of text.slice(0, end).split('\n')) if (line.startsWith('{')) lines.push(parsed(line));
    return lines;
  };
}

/** A killed simulator leaves a torn line, which its next start ends with a line feed. */
function parsed(line: string): LedgerLine {
  try {
    return JSON.parse(line) as LedgerLine;
  } catch {
    return { at: '', event: 'gone', call: 'torn' };
  }
}

async function textFrom(path: string, at: number): Promise<string> {
  const file = await open(path);
  try {
    const { size } = await file.stat();
    if (size <= at) return '';
    const { buffer, bytesRead } = await file.read(Buffer.alloc(size - at), 0, size - at, at);
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await file.close();
  }
}

/** Ids of the generations whose call this worker has open, by their records. */
export async function openCalls(system: ChaosSystem, worker: ChaosProcess): Promise<string[]> {
  const self = worker.workerIds.at(-1);
  if (self === undefined) return [];
  const keys = keysIn(system);
  return withRedis(system, async (redis) => {
    const ids = await redis.zrange(keys.list('default', 'processing'), '0', '-1');
    const owners = await Promise.all(ids.map((id) => redis.hmget(keys.generation(id), 'worker', 'answered')));
    return ids.filter((_, n) => owners[n]![0] === self && owners[n]![1] === null);
  });
}

/** SHA-256 of these generations' lyrics, as the ledger names calls. */
export async function lyricsOf(system: ChaosSystem, ids: readonly string[]): Promise<Set<string>> {
  return withRedis(system, async (redis) => {
    const records = await readGenerations({ redis, keys: keysIn(system) }, ids);
    return new Set(
      records.flatMap((record) =>
        record === null ? [] : createHash('sha256').update(record.request.lyrics).digest('hex'),
      ),
    );
  });
}

/** Looks at an API's `/readyz`; null when no answer came within the limit. */
export async function readiness(api: ChaosProcess, limitMs = 2000): Promise<{ status: number; text: string } | null> {
  const url = api.process?.url;
  if (url === undefined) return null;
  try {
    const response = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(limitMs) });
    return { status: response.status, text: await response.text() };
  } catch {
    return null;
  }
}

/** When this worker last said that it lives, ms of Redis' clock. */
export async function lastBeat(system: ChaosSystem, redis: Redis, worker: ChaosProcess): Promise<number> {
  return Number(await redis.zscore(keysIn(system).workers, worker.workerIds.at(-1) ?? ''));
}
