import { join } from 'node:path';
import type { DeliveryLine, FaultLine, RunLeft, Sample, Violation } from '../types.ts';
import { type History, jobIn, readHistory } from './read/history.ts';
import { allJsonLines } from './read/json-lines.ts';
import { type LedgerCall, readCalls } from './read/ledger.ts';
import { readLogs } from './read/logs.ts';
import { type RedisSeen, readRedis } from './read/redis.ts';
import { openSecretScan } from './read/secret-scan.ts';
import { readSongs, readSongsOf, type StorageSeen } from './read/songs.ts';
import { readSpool, type SpoolFolder } from './read/spool.ts';

/** All that a run left, read once. */
export interface Evidence {
  readonly limits: RunLeft['limits'];
  readonly redis: RedisSeen;
  readonly calls: readonly LedgerCall[];
  readonly history: History;
  readonly storage: StorageSeen;
  readonly spool: readonly SpoolFolder[];
  /** Null when the harness noted none, which says nothing about whether there were any. */
  readonly faults: readonly FaultLine[] | null;
  readonly samples: readonly Sample[];
  /** What the receiver of webhooks got. */
  readonly deliveries: readonly DeliveryLine[];
  /** Where a canary secret stood. */
  readonly leaks: ReadonlySet<string>;
}

/** One rule of the run, judged from the evidence alone. */
export type Invariant = (evidence: Evidence) => Violation[];

export async function gather(left: RunLeft): Promise<Evidence> {
  const { data } = left;
  const scan = await openSecretScan(data);
  const redis = await readRedis(left.redisUrl, left.prefix, scan);
  const known = [...redis.records.keys(), ...redis.erased.keys()];
  const [calls, history, storage, spool, faults, samples, deliveries] = await Promise.all([
    readCalls(join(data, 'ledger.jsonl')),
    readHistory(join(data, 'history.jsonl')),
    left.storage ? readSongsOf(left.storage, known) : readSongs(join(data, 'songs'), scan),
    readSpool(join(data, 'spool'), scan),
    allJsonLines<FaultLine>(join(data, 'faults.jsonl')),
    allJsonLines<Sample>(join(data, 'samples.jsonl')),
    allJsonLines<DeliveryLine>(join(data, 'deliveries.jsonl')),
    readLogs(data, scan),
  ]);
  return {
    limits: left.limits,
    redis,
    calls,
    history,
    storage,
    spool,
    faults: faults.length === 0 ? null : faults,
    samples,
    deliveries,
    leaks: scan.hits,
  };
}

/** A violation that concerns one generation. */
export function against(evidence: Evidence, invariant: string, id: string, message: string): Violation {
  return { invariant, job: jobOf(evidence, id), id, message };
}

/** A violation that concerns the whole run. */
export function inGeneral(invariant: string, message: string): Violation {
  return { invariant, job: null, id: null, message };
}

/** The client's number of what a generation was made for; null when nobody knows. */
export function jobOf({ history, redis }: Evidence, id: string): number | null {
  return history.jobOf.get(id) ?? jobIn(redis.records.get(id)?.lyrics ?? '');
}

/** Redis may have forgotten something in this run: claims and attempts, too, not only whole records. */
export function redisMayForget({ limits }: Evidence): boolean {
  return limits.mayLose > 0;
}
