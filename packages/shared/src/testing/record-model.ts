import { type CountsToward, OUTCOME_TABLE, type OutcomeKind } from '../contract/outcomes.ts';
import { isSettled, type Status } from '../contract/words.ts';
import type { Limits } from '../runtime/records/claim.ts';
import {
  CLOSED,
  exposed,
  isOpen,
  type ModelBreaker,
  type ModelHold,
  NOT_REACHED,
  PROVES,
  TRIP_AFTER,
} from './record-model-probes.ts';
import { byId, type ModelAttempt, ModelLine, type ModelRecord } from './record-model-line.ts';
import type { Arrow } from './script-headers.ts';

/**
 * What the record scripts do, said once more with plain objects and without time: the property test
 * runs both and compares them after each step. Durations are flags (`early`, `due`), moments are steps.
 */
export class RecordModel {
  readonly records: ModelRecord[] = [];
  readonly keys = new Map<string, { readonly fingerprint: string; readonly id: string }>();
  readonly alive = new Set<string>();
  readonly holds = new Map<string, ModelHold>();
  breaker: ModelBreaker = { ...CLOSED };
  readonly arrows: Arrow[] = [];
  readonly line: ModelLine;
  step = 0;

  constructor(windowSize: number) {
    this.line = new ModelLine(this.records, windowSize);
  }

  /** Takes an arrow, and remembers it with the script. */
  move(record: ModelRecord, to: Status, script: string): void {
    this.arrows.push({ from: record.status, to, script });
    record.status = to;
    record.history.push(to);
  }

  #finishWithoutSong(record: ModelRecord, status: 'failed' | 'needs_review' | 'canceled', script: string): true {
    record.deadline = null;
    record.early = false;
    record.limited = null;
    this.line.leave(record);
    this.move(record, status, script);
    return true;
  }

  /** True when the run ended. */
  #judge(record: ModelRecord, counts: CountsToward, limits: Limits, script: string): boolean {
    if (counts === 'ends_run') return this.#finishWithoutSong(record, 'failed', script);
    if (counts === 'nothing') return false;
    record.counted += 1;
    if (counts === 'max_attempts') {
      return record.counted >= limits.maxAttempts && this.#finishWithoutSong(record, 'failed', script);
    }
    record.unknown += 1;
    if (record.policy === 'fail') return this.#finishWithoutSong(record, 'failed', script);
    const last = record.unknown >= limits.maxUnknownCharges || record.counted >= limits.maxAttempts;
    return (last || record.policy === 'hold') && this.#finishWithoutSong(record, 'needs_review', script);
  }

  open(record: ModelRecord, token: string, worker: string, found: boolean): ModelAttempt {
    const { run } = record;
    const attempt = { token, run, worker, found, step: this.step, outcome: null, charge: null, lifted: false };
    record.attempts.push(attempt);
    return attempt;
  }

  claim(record: ModelRecord, run: number, token: string, worker: string, limits: Limits): string {
    if (record.erased) return 'gone';
    if (isSettled(record.status) || record.run !== run) return 'done';
    if (record.early || record.status === 'scheduled') return 'early';
    if (record.deadline === 'over') {
      this.#finishWithoutSong(record, 'canceled', 'claim');
      return 'settled';
    }
    const { intent } = record;
    if (intent) {
      if (record.answered || this.alive.has(intent.worker)) return 'busy';
      intent.outcome = 'unknown';
      intent.charge = 'unknown';
      record.intent = null;
      record.limited = null;
      if (intent.run === record.run && this.#judge(record, 'both_limits', limits, 'claim')) return 'settled';
    }
    if (record.unknown > 0 && record.policy === 'fail') {
      this.#finishWithoutSong(record, 'failed', 'claim');
      return 'settled';
    }
    if (record.unknown >= limits.maxUnknownCharges || (record.unknown > 0 && record.policy === 'hold')) {
      this.#finishWithoutSong(record, 'needs_review', 'claim');
      return 'settled';
    }
    if (record.counted >= limits.maxAttempts) {
      this.#finishWithoutSong(record, 'failed', 'claim');
      return 'settled';
    }
    const held = this.#heldBack(record);
    if (held !== null) {
      if (record.status === 'processing') this.move(record, 'queued', 'claim');
      return held;
    }
    for (const scope of ['account', `model:${record.model}`]) {
      const hold = this.holds.get(scope);
      if (hold) hold.probe = { token, worker, expired: false };
    }
    if (this.breaker.since !== null) this.breaker.probe = { token, worker, expired: false };
    record.intent = this.open(record, token, worker, false);
    record.deadline = null;
    record.place = 'window';
    if (record.status !== 'processing') this.move(record, 'processing', 'claim');
    return 'claimed';
  }

  /** Answers those that came into line, in this order. */
  takeDue(most: number): { late: ModelRecord[]; woken: ModelRecord[] } {
    const late = byId(this.records.filter(({ deadline }) => deadline === 'over')).slice(0, most);
    for (const record of late) this.#finishWithoutSong(record, 'canceled', 'due');
    const woken = byId(this.line.in('scheduled').filter(({ due }) => due)).slice(0, most);
    for (const record of woken) {
      this.move(record, 'queued', 'due');
      this.line.enqueue(record);
    }
    return { late, woken };
  }

  #heldBack(record: ModelRecord): 'held' | 'yield' | null {
    const { breaker } = this;
    if (breaker.since !== null && (isOpen(breaker.probe, this.alive) || !breaker.due)) return 'held';
    let probes = breaker.since !== null;
    for (const scope of ['account', `model:${record.model}`]) {
      const hold = this.holds.get(scope);
      if (!hold) continue;
      probes = true;
      if (isOpen(hold.probe, this.alive) || !hold.due) {
        if (scope !== 'account') record.place = 'parked';
        return 'held';
      }
      if (hold.trippedBy === record.id && this.line.in('window').some((other) => other !== record)) {
        hold.trippedBy = null;
        return 'yield';
      }
    }
    if (probes && exposed(record) && this.line.anotherMayProbe(record)) {
      record.place = 'parked';
      return 'yield';
    }
    return null;
  }

  #notReached(token: string): void {
    const { breaker } = this;
    if (breaker.since !== null) {
      if (breaker.probe?.token !== token) return;
      breaker.probe = null;
      breaker.due = false;
      return;
    }
    breaker.failures += 1;
    if (breaker.failures >= TRIP_AFTER) breaker.since = this.step;
  }

  #reached(attempt: ModelAttempt): void {
    const { since, probe } = this.breaker;
    if (since !== null && probe?.token !== attempt.token && attempt.step <= since) return;
    if (since !== null) attempt.lifted = true;
    this.breaker = { ...CLOSED };
  }

  answered(record: ModelRecord, attempt: ModelAttempt): void {
    attempt.outcome = 'succeeded';
    attempt.charge = 'charged';
    if (record.intent === null && record.song === null && record.spare === null) record.intent = attempt;
    if (record.intent === attempt) record.answered = true;
  }

  #clearIntent(record: ModelRecord): void {
    record.intent = null;
    record.answered = false;
  }

  /** A call whose claim Redis had lost counts toward the run that is open now. */
  #countFound(record: ModelRecord, counts: CountsToward): void {
    if (isSettled(record.status)) return;
    if (counts === 'max_attempts' || counts === 'both_limits') record.counted += 1;
    if (counts === 'both_limits') record.unknown += 1;
  }

  died(record: ModelRecord, attempt: ModelAttempt, found: boolean, limits: Limits): void {
    if (attempt.outcome !== null) return;
    attempt.outcome = 'unknown';
    attempt.charge = 'unknown';
    if (found) this.#countFound(record, 'both_limits');
    if (record.intent !== attempt) return;
    this.#clearIntent(record);
    record.limited = null;
    const open = attempt.run === record.run && !isSettled(record.status);
    if (open && this.#judge(record, 'both_limits', limits, 'died')) return;
    if (record.status === 'processing') this.move(record, 'queued', 'died');
  }

  release(
    record: ModelRecord,
    attempt: ModelAttempt,
    input: { found: boolean; kind: OutcomeKind; delayed: boolean; hold: string | null; limits: Limits },
  ): void {
    const { kind, hold } = input;
    const row = OUTCOME_TABLE[kind];
    const current = record.intent === attempt;
    if (attempt.outcome !== null && !current) {
      if (attempt.charge === 'unknown' && row.charge !== 'unknown') {
        attempt.outcome = row.outcome;
        attempt.charge = row.charge;
      }
      return;
    }
    attempt.outcome = row.outcome;
    attempt.charge = row.charge;
    for (const scope of ['account', `model:${record.model}`]) {
      const probed = this.holds.get(scope);
      if (probed?.probe?.token !== attempt.token) continue;
      probed.probe = null;
      probed.due = false;
      if (hold !== scope && PROVES.includes(kind)) {
        this.holds.delete(scope);
        attempt.lifted = true;
      }
    }
    if (!input.found) {
      if (NOT_REACHED.includes(kind)) this.#notReached(attempt.token);
      else this.#reached(attempt);
    }
    if (hold !== null && !this.holds.has(hold)) {
      this.holds.set(hold, { step: this.step, due: false, probe: null, trippedBy: record.id });
    }
    if (current) this.#clearIntent(record);
    if (input.found) this.#countFound(record, row.counts);
    if (!current || record.status !== 'processing' || attempt.run !== record.run) return;
    if (kind === 'rate_limited' && record.limited === 'for a day') {
      this.#finishWithoutSong(record, 'failed', 'release');
      return;
    }
    record.limited = kind === 'rate_limited' ? 'lately' : null;
    if (this.#judge(record, row.counts, input.limits, 'release')) return;
    if (input.delayed) {
      record.early = true;
      record.place = 'parked';
    }
    this.move(record, 'queued', 'release');
  }

  publish(record: ModelRecord, token: string, worker: string): string {
    if (record.erased) return 'gone';
    const known = record.attempts.find((each) => each.token === token);
    const attempt = known ?? this.open(record, token, worker, true);
    attempt.outcome = 'succeeded';
    attempt.charge = 'charged';
    for (const scope of attempt.found ? [] : ['account', `model:${record.model}`]) {
      const hold = this.holds.get(scope);
      if (!hold || (hold.probe?.token !== token && attempt.step <= hold.step)) continue;
      this.holds.delete(scope);
      if (scope === 'account') attempt.lifted = true;
    }
    if (!attempt.found) this.#reached(attempt);
    if (record.intent === attempt) this.#clearIntent(record);
    if (record.song !== null) return record.song === token ? 'published' : 'spare';
    if (isSettled(record.status)) {
      record.spare ??= token;
      return 'spare';
    }
    record.song = token;
    record.spare = null;
    record.early = false;
    record.deadline = null;
    record.limited = null;
    this.line.leave(record);
    this.move(record, 'succeeded', 'publish');
    return 'published';
  }

  cancel(record: ModelRecord): string {
    if (record.erased) return 'missing';
    if (isSettled(record.status) && record.status !== 'needs_review') return 'conflict';
    record.early = false;
    record.limited = null;
    record.deadline = null;
    this.line.leave(record);
    this.move(record, 'canceled', 'cancel');
    return 'canceled';
  }

  reopen(
    record: ModelRecord,
    action: 'retry' | 'resolve_retry' | 'resolve_fail',
    charged: boolean | null,
    idempotency: { readonly key: string; readonly fingerprint: string } | null,
  ): string {
    if (record.erased) return 'missing';
    const known = idempotency && this.keys.get(idempotency.key);
    if (known) return known.fingerprint === idempotency.fingerprint ? 'replayed' : 'key_reused';
    const allowed = action === 'retry' ? ['failed', 'canceled'] : ['needs_review'];
    if (!allowed.includes(record.status)) return 'conflict';
    if (idempotency) this.keys.set(idempotency.key, { fingerprint: idempotency.fingerprint, id: record.id });
    for (const attempt of record.attempts) {
      if (charged !== null && attempt.charge === 'unknown') attempt.charge = charged ? 'charged' : 'none';
    }
    if (action === 'resolve_fail') this.move(record, 'failed', 'reopen');
    else if (record.spare !== null) {
      record.song = record.spare;
      record.spare = null;
      this.move(record, 'succeeded', 'reopen');
    } else {
      record.run += 1;
      record.counted = 0;
      record.unknown = 0;
      this.move(record, 'queued', 'reopen');
      this.line.enqueue(record);
    }
    return 'reopened';
  }
}
