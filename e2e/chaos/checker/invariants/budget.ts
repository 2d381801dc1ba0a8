import type { Violation } from '../../types.ts';
import { against, type Evidence, redisMayForget } from '../evidence.ts';
import { type Account, openAccounts } from '../money.ts';
import type { AttemptSeen } from '../read/record.ts';

/** What a fault breaks may show itself a little later: a lease that ends, a call that was under way. */
const AFTERMATH_MS = 30_000;

/**
 * I3: per run at most MAX_UNKNOWN_CHARGES attempts are billed, or may be, without giving a song; with `hold` and
 * `fail` none follows the first without a person; what no fault touched was called for exactly once, and what is bought
 * never again.
 */
export function budget(evidence: Evidence): Violation[] {
  const violations: Violation[] = [];
  const object = (id: string, message: string) => violations.push(against(evidence, 'I3', id, message));
  for (const record of evidence.redis.records.values()) {
    const again = redisMayForget(evidence) ? null : boughtAgain(record.attempts);
    if (again !== null) object(record.id, again);
    for (const [run, attempts] of byRun(knownThen(evidence, record.attempts))) {
      const unclear = attempts.filter(isUnclear);
      const { maxUnknownCharges, maxAttempts } = evidence.limits;
      if (unclear.length > maxUnknownCharges) {
        object(record.id, `run ${run} has ${unclear.length} calls billed or perhaps billed without a song`);
      }
      const first = unclear[0];
      if (record.policy !== 'retry' && first && attempts.some(({ number }) => number > first.number)) {
        object(record.id, `under ${record.policy}, a call followed number ${first.number}, whose cost nobody knew`);
      }
      const counting = attempts.filter((each) => isUnclear(each) || (each.outcome === 'retryable' && each.answered));
      if (counting.length > maxAttempts) object(record.id, `run ${run} has ${counting.length} attempts that count`);
    }
  }
  for (const account of openAccounts(evidence)) {
    const message = overLedgerBudget(evidence, account) ?? calledAgainForNothing(evidence, account);
    if (message !== null) object(account.ids[0] ?? '', message);
  }
  return violations;
}

/** A call for a song that is there: the first one had succeeded before the second one began. */
function boughtAgain(attempts: readonly AttemptSeen[]): string | null {
  for (const first of attempts) {
    if (first.outcome !== 'succeeded' || first.finishedMs === null) continue;
    const later = attempts.find(({ startedMs }) => startedMs > first.finishedMs!);
    if (later) return `call ${later.number} began after call ${first.number} had brought a song`;
  }
  return null;
}

/** Billed, or perhaps, and no song: also after a person has said what it cost. */
function isUnclear({ outcome, charge }: AttemptSeen): boolean {
  return outcome === 'unknown' || outcome === null || (charge !== 'none' && outcome !== 'succeeded');
}

/** Where Redis may forget, a call may be made beside one that it forgot; that one is found and written down later. */
function knownThen(evidence: Evidence, attempts: readonly AttemptSeen[]): AttemptSeen[] {
  return attempts.filter(({ found }) => !found || !redisMayForget(evidence));
}

function byRun(attempts: readonly AttemptSeen[]): Map<number, AttemptSeen[]> {
  const runs = new Map<number, AttemptSeen[]>();
  for (const each of attempts) runs.set(each.run, [...(runs.get(each.run) ?? []), each]);
  return runs;
}

/** The same budget, counted by the ledger alone: a run ends with its last permitted bill, song or not. */
function overLedgerBudget(evidence: Evidence, { ids, calls, attempts: all }: Account): string | null {
  const { redis, limits } = evidence;
  let most = all.length - knownThen(evidence, all).length;
  for (const id of ids) {
    const record = redis.records.get(id);
    const attempts = redis.erased.get(id)?.attempts ?? [];
    const runs = record?.run ?? Math.max(1, ...attempts.map(({ run }) => run));
    most += runs * (record && record.policy !== 'retry' ? 1 : Math.max(1, limits.maxUnknownCharges));
  }
  const billed = calls.filter(({ charged }) => charged).length;
  return ids.length > 0 && billed > most ? `the upstream billed ${billed} calls; the budget is ${most}` : null;
}

/** Only where the harness noted when it did what. */
function calledAgainForNothing({ redis, faults }: Evidence, { ids, calls }: Account): string | null {
  const record = redis.records.get(ids[0] ?? '');
  if (faults === null || ids.length !== 1 || !record || record.finishedMs === null || record.run > 1) return null;
  const { createdMs, finishedMs } = record;
  const touched =
    calls.some(({ fault }) => fault !== null) ||
    faults.some(
      (each) => Date.parse(each.began_at) <= finishedMs && Date.parse(each.ended_at) + AFTERMATH_MS >= createdMs,
    );
  const taken = calls.filter(({ accepted }) => accepted).length;
  if (touched || record.status !== 'succeeded' || taken === 1) return null;
  return `no fault touched it, and the upstream took ${taken} calls for it`;
}
