import type { RunLeft, Verdict } from '../types.ts';
import { type Evidence, gather, type Invariant } from './evidence.ts';
import { accounted, callsWithoutRecord } from './invariants/accounted.ts';
import { answers } from './invariants/answers.ts';
import { bounded } from './invariants/bounded.ts';
import { budget } from './invariants/budget.ts';
import { files } from './invariants/files.ts';
import { oneResult, publishedTwice } from './invariants/one-result.ts';
import { recount } from './invariants/recount.ts';
import { secrets } from './invariants/secrets.ts';
import { lostIds, settled } from './invariants/settled.ts';
import { askedFor, told } from './invariants/told.ts';

/** In the order of their numbers. */
const INVARIANTS: readonly Invariant[] = [
  settled, // I1
  oneResult, // I2
  budget, // I3
  accounted, // I4
  told, // I5
  recount, // I6
  files, // I7
  bounded, // I8
  secrets, // I9
  answers, // I10
];

/**
 * Judges a finished run by what it left: Redis, storage, spools, the upstream's ledger and what the clients saw. It asks
 * no process of ours and counts everything anew. Takes about 20 kB of memory per generation.
 */
export async function checkRun(left: RunLeft): Promise<Verdict> {
  const evidence = await gather(left);
  return { violations: INVARIANTS.flatMap((invariant) => invariant(evidence)), figures: figuresOf(evidence) };
}

function figuresOf(evidence: Evidence): Verdict['figures'] {
  const { redis, history, calls } = evidence;
  const records = [...redis.records.values()];
  const attempts = [...records, ...redis.erased.values()].flatMap((each) => each.attempts);
  const byStatus: Record<string, number> = {};
  for (const { status } of records) byStatus[status] = (byStatus[status] ?? 0) + 1;
  if (redis.erased.size > 0) byStatus['deleted'] = redis.erased.size;
  const taken = calls.filter(({ accepted }) => accepted).length;
  const generations = records.length + redis.erased.size;
  return {
    accepted: history.accepted.size,
    by_status: byStatus,
    lost: lostIds(evidence).length,
    double_published: records.filter((record) => publishedTwice(evidence, record).length > 0).length,
    ledger_calls: taken,
    ledger_charges: calls.filter(({ charged }) => charged).length,
    calls_without_record: callsWithoutRecord(evidence).length,
    attempts_charge_unknown: attempts.filter(({ charge }) => charge === 'unknown').length,
    spares: records.reduce((sum, { attempts: all, song }) => sum + sparesOf(all, song?.token ?? null), 0),
    calls_per_generation: generations === 0 ? 0 : taken / generations,
    webhooks_asked_for: askedFor(evidence).length,
    webhooks_received: evidence.deliveries.length,
  };
}

/** Songs that were paid for and are not the published one. */
function sparesOf(
  attempts: readonly { token: string | null; outcome: string | null }[],
  published: string | null,
): number {
  return attempts.filter(({ token, outcome }) => outcome === 'succeeded' && token !== published).length;
}
