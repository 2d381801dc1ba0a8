import type { Violation } from '../../types.ts';
import { against, type Evidence, inGeneral, redisMayForget } from '../evidence.ts';
import {
  begunBefore,
  type Booked,
  forgottenIntents,
  forgottenSongs,
  openAccounts,
  saysTheTruth,
  withoutPartner,
} from '../money.ts';
import type { LedgerCall } from '../read/ledger.ts';
import type { RecordSeen } from '../read/record.ts';

/** I4: every call in the ledger has an attempt that was written down before it and tells its cost; each one is closed. */
export function accounted(evidence: Evidence): Violation[] {
  return [
    ...[...evidence.redis.records.values()].flatMap((record) => bookkeeping(evidence, record)),
    ...accountsFaults(evidence),
    ...callsWithoutRecord(evidence).map(({ id, job, call }) => ({
      invariant: 'I4',
      job,
      id,
      message: `call ${call.call} has no attempt${call.charged ? ', and it was billed' : ''}`,
    })),
    ...unknownToRedis(evidence),
  ];
}

/** Numbers without a hole, every attempt closed, and every paid file in storage on record as paid. */
function bookkeeping(evidence: Evidence, record: RecordSeen): Violation[] {
  const { id, attempts, attemptsTotal } = record;
  const faults: string[] = [];
  const numbers = new Set(attempts.map(({ number }) => number));
  const missing = Array.from({ length: attemptsTotal }, (_, i) => i + 1).filter(
    (number) => !numbers.has(number) && number > attemptsTotal - 50,
  );
  if (missing.length > 0)
    faults.push(`attempts_total is ${attemptsTotal}, and number ${missing.join(', ')} is missing`);
  if (attempts.some(({ number }) => number > attemptsTotal)) faults.push(`it has more attempts than ${attemptsTotal}`);
  for (const each of attempts) {
    if (each.finishedMs === null || each.outcome === null || each.charge === null) {
      faults.push(`attempt ${each.number} was never closed`);
    }
    if (each.found && !redisMayForget(evidence)) faults.push(`attempt ${each.number} was written down after its song`);
  }
  for (const { token } of evidence.storage.byId.get(id)?.files ?? []) {
    const attempt = attempts.find((each) => each.token === token);
    if (attempt?.charge !== 'charged') {
      faults.push(`the song of ${token} is stored, its attempt says ${attempt?.charge ?? 'nothing: there is none'}`);
    }
  }
  return faults.map((message) => against(evidence, 'I4', id, message));
}

/** What the attempts say of money, against the ledger. */
function accountsFaults(evidence: Evidence): Violation[] {
  const violations: Violation[] = [];
  const begun = begunBefore(evidence);
  for (const account of openAccounts(evidence)) {
    const unbooked = new Set(withoutPartner(account, begun).calls);
    const rest = { ...account, calls: account.calls.filter((call) => !unbooked.has(call)) };
    const liars = withoutPartner(rest, (call, attempt) => begun(call, attempt) && saysTheTruth(call, attempt));
    for (const call of liars.calls) {
      const said = call.charged ? 'was billed, its attempt says none' : 'was not billed, its attempt says charged';
      violations.push({
        invariant: 'I4',
        job: account.job,
        id: account.ids[0] ?? null,
        message: `call ${call.call} ${said}`,
      });
    }
    const paid = {
      ...account,
      attempts: account.attempts.filter(isPaid),
      calls: account.calls.filter((each) => each.charged),
    };
    for (const each of withoutPartner(paid, begun).attempts) {
      violations.push(
        against(evidence, 'I4', each.id, `attempt ${each.number} says charged, the upstream billed nothing`),
      );
    }
  }
  return violations;
}

function isPaid(attempt: Booked): boolean {
  return attempt.charge === 'charged' && !attempt.humanSaid;
}

export interface UnbookedCall {
  readonly call: LedgerCall;
  readonly id: string | null;
  readonly job: number | null;
}

/**
 * Calls that no attempt accounts for. Refusals that came before the words were read cannot be told apart, so those are
 * set against all attempts that are left over. Where Redis may forget, what stands in a journal or in storage is on record, too.
 */
export function callsWithoutRecord(evidence: Evidence): UnbookedCall[] {
  const begun = begunBefore(evidence);
  const unbooked: UnbookedCall[] = [];
  const spareAttempts: number[] = [];
  for (const account of openAccounts(evidence)) {
    const left = withoutPartner(account, begun);
    const id = account.ids[0] ?? null;
    unbooked.push(...left.calls.map((call) => ({ call, id, job: account.job })));
    spareAttempts.push(...left.attempts.filter(mayBeRefusedEarly).map(({ startedMs }) => startedMs));
  }
  const wordless = evidence.calls
    .filter(({ lyricsSha256 }) => lyricsSha256 === null)
    .map((call) => ({ call, id: null, job: null }));
  const rest = [...unbooked, ...notEarlierThan(wordless, spareAttempts)];
  if (!redisMayForget(evidence)) return rest;
  const intents = forgottenIntents(evidence);
  const journaled = new Set(intents.map(({ token }) => token));
  const stored = forgottenSongs(evidence).filter(({ token }) => !journaled.has(token));
  // When a stored song was bought is not known any more.
  return notEarlierThan(rest, [...stored.map(() => 0), ...intents.map(({ atMs }) => atMs)]);
}

/** A refusal of the key, the balance or everybody; or the worker died before it read one. */
function mayBeRefusedEarly({ outcome }: Booked): boolean {
  return outcome !== 'succeeded' && outcome !== 'rejected';
}

/** The calls that are left when each moment serves one call that came after it. */
function notEarlierThan(calls: readonly UnbookedCall[], moments: readonly number[]): UnbookedCall[] {
  const sorted = moments.toSorted((a, b) => a - b);
  const left: UnbookedCall[] = [];
  let next = 0;
  for (const each of calls.toSorted((a, b) => a.call.atMs - b.call.atMs)) {
    if (next < sorted.length && sorted[next]! <= each.call.atMs + 5) next++;
    else left.push(each);
  }
  return left;
}

/** An intent on disk that Redis does not have: the money would be forgotten with the disk. */
function unknownToRedis(evidence: Evidence): Violation[] {
  if (redisMayForget(evidence)) return [];
  const { records } = evidence.redis;
  // Of more than 50 attempts the free ones are not kept.
  const unknown = forgottenIntents(evidence).filter(({ id }) => (records.get(id)?.attemptsTotal ?? 0) <= 50);
  return unknown.map(({ id, token }) =>
    records.has(id)
      ? against(evidence, 'I4', id, `the journal knows attempt ${token}, the record does not`)
      : inGeneral('I4', `the journal knows attempt ${token} of ${id}, which has no record`),
  );
}
