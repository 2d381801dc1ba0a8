import type { Evidence } from './evidence.ts';
import { jobOf, redisMayForget } from './evidence.ts';
import { matchPairs } from './match.ts';
import type { LedgerCall } from './read/ledger.ts';
import type { AttemptSeen } from './read/record.ts';
import { NOTED_WITHOUT_RECORD } from './read/spool.ts';

/** An attempt on record, with whose it is. */
export interface Booked extends AttemptSeen {
  readonly id: string;
  /** A person said what it cost, so its charge is a person's word. */
  readonly humanSaid: boolean;
}

/** All calls and all attempts of one song's words. */
export interface Account {
  /** Generations with these words; two that were asked for with the same words share one. */
  readonly ids: readonly string[];
  readonly job: number | null;
  readonly calls: readonly LedgerCall[];
  readonly attempts: readonly Booked[];
}

/** The clock of Redis and that of the simulator are one machine's, read a moment apart and cut to milliseconds. */
const CLOCK_MS = 5;

/**
 * Puts calls and attempts of the same words beside each other. An erased record has no words left: it is found by the
 * job that the client asked it for.
 */
export function openAccounts(evidence: Evidence): Account[] {
  const { records, erased } = evidence.redis;
  const accounts = new Map<string, { ids: string[]; job: number | null; calls: LedgerCall[]; attempts: Booked[] }>();
  const account = (key: string, job: number | null) => {
    const found = accounts.get(key) ?? { ids: [], job, calls: [], attempts: [] };
    accounts.set(key, found);
    return found;
  };
  const keyOfWords = new Map<string, string>();
  for (const record of records.values()) {
    const job = jobOf(evidence, record.id);
    const key = job === null ? record.lyricsSha256 : `job ${job}`;
    keyOfWords.set(record.lyricsSha256, key);
    const found = account(key, job);
    found.ids.push(record.id);
    found.attempts.push(...record.attempts.map((each) => booked(evidence, record.id, each)));
    found.attempts.push(...notKept(record.id, record.attempts, record.attemptsTotal));
  }
  for (const each of erased.values()) {
    const job = jobOf(evidence, each.id);
    const found = account(job === null ? each.id : `job ${job}`, job);
    found.ids.push(each.id);
    found.attempts.push(...each.attempts.map((attempt) => booked(evidence, each.id, attempt)));
    found.attempts.push(...notKept(each.id, each.attempts, Math.max(0, ...each.attempts.map(({ number }) => number))));
  }
  for (const call of evidence.calls) {
    if (call.lyricsSha256 === null) continue;
    const key = keyOfWords.get(call.lyricsSha256) ?? (call.job === null ? call.lyricsSha256 : `job ${call.job}`);
    account(key, call.job).calls.push(call);
  }
  return [...accounts.values()];
}

/** A person's word on a charge comes by `resolve`, after the attempt ended. */
function booked({ history }: Evidence, id: string, attempt: AttemptSeen): Booked {
  const humanSaid =
    (attempt.outcome === 'unknown' || attempt.outcome === 'rejected') &&
    (history.byId.get(id) ?? []).some(
      (each) =>
        each.op === 'resolve' &&
        each.outcome !== 'failed' &&
        Date.parse(each.ended_at) + CLOCK_MS >= (attempt.finishedMs ?? attempt.startedMs),
    );
  return { ...attempt, id, humanSaid };
}

/** Attempts beyond the last 50 are not kept when they cost nothing; that there was one is still known. */
function notKept(id: string, kept: readonly AttemptSeen[], total: number): Booked[] {
  const numbers = new Set(kept.map(({ number }) => number));
  return Array.from({ length: total }, (_, i) => i + 1)
    .filter((number) => !numbers.has(number) && number <= total - 50)
    .map((number) => ({
      id,
      number,
      run: 0,
      token: null,
      startedMs: 0,
      finishedMs: 0,
      outcome: 'not kept',
      charge: 'none',
      answered: true,
      found: false,
      humanSaid: false,
    }));
}

/** The intent was written before the call arrived; except where Redis forgot it and the song was found later. */
export function begunBefore(evidence: Evidence): (call: LedgerCall, attempt: Booked) => boolean {
  const mayForget = redisMayForget(evidence);
  return (call, attempt) => attempt.startedMs <= call.atMs + CLOCK_MS || (attempt.found && mayForget);
}

/** What the attempt says of its cost can be true of this call. */
export function saysTheTruth(call: LedgerCall, attempt: Booked): boolean {
  if (attempt.humanSaid || attempt.charge === 'unknown') return true;
  // An open one says nothing, which is a fault of another kind.
  if (attempt.charge === null) return true;
  return call.charged === (attempt.charge === 'charged');
}

/** Calls of an account that have no attempt of their own, and attempts that have no call. */
export function withoutPartner(
  account: Account,
  fits: (call: LedgerCall, attempt: Booked) => boolean,
): { readonly calls: readonly LedgerCall[]; readonly attempts: readonly Booked[] } {
  // The latest first: that is the one whose call it most likely is.
  const attempts = account.attempts.toSorted((a, b) => b.startedMs - a.startedMs);
  const partners = matchPairs(account.calls, attempts, fits);
  const taken = new Set(partners);
  return {
    calls: account.calls.filter((_, i) => partners[i] === null),
    attempts: attempts.filter((_, i) => !taken.has(i)),
  };
}

/** Attempts that only a journal on disk still knows, oldest first: Redis forgot them. Times are Unix ms. */
export function forgottenIntents({ redis, spool }: Evidence): { id: string; token: string; atMs: number }[] {
  const known = new Set<string>();
  for (const record of redis.records.values()) for (const each of record.attempts) known.add(each.token ?? '');
  const forgotten = new Map<string, { id: string; token: string; atMs: number }>();
  for (const folder of spool) {
    for (const { token, id, at, event } of folder.lines) {
      // The first line of an attempt is its intent; it may move to another worker's journal later. When only the end
      // of a call was noted, nobody knows when it began.
      const begunMs = event === NOTED_WITHOUT_RECORD ? 0 : Date.parse(at);
      const atMs = Math.min(begunMs, forgotten.get(token)?.atMs ?? Number.POSITIVE_INFINITY);
      if (token && !known.has(token) && !redis.erased.has(id)) forgotten.set(token, { id, token, atMs });
    }
  }
  return [...forgotten.values()].sort((a, b) => a.atMs - b.atMs);
}

/** Paid songs in storage whose generations Redis forgot: the song and its commit are what tells of the spend. */
export function forgottenSongs({ redis, storage }: Evidence): { id: string; token: string }[] {
  return [...storage.byId].flatMap(([id, { files }]) =>
    redis.records.has(id) || redis.erased.has(id) ? [] : files.map(({ token }) => ({ id, token })),
  );
}
