import type { Status } from '../../contract/words.ts';
import { isSettled } from '../../contract/words.ts';

/** One event of a generation's own history, as its hash keeps it. */
export interface PastEvent {
  readonly sequence: number;
  readonly status: Status;
  readonly run: number;
  readonly atMs: number;
  /** How it had ended, as JSON; only of ends that a retry or an answer reopened. */
  readonly error: string | null;
}

/** The events that a generation's hash still has, oldest first: its last 100. */
export function pastEvents(hash: Readonly<Record<string, string>>): PastEvent[] {
  const events: PastEvent[] = [];
  for (const [field, text] of Object.entries(hash)) {
    if (!field.startsWith('h:')) continue;
    const [status = '', run, atMs, ...error] = text.split('|');
    const common = { sequence: Number(field.slice(2)), run: Number(run), atMs: Number(atMs) };
    events.push({ ...common, status: status as Status, error: error.join('|') || null });
  }
  return events.sort((a, b) => a.sequence - b.sequence);
}

/**
 * The hash as it was at one of its events: what came later is taken back. The last event of a
 * hash is told with what became known since, such as the charge of a call that outlived a cancel.
 *
 * @param hash of a generation, whole (`unpackedHash`)
 */
export function hashAt(hash: Readonly<Record<string, string>>, event: PastEvent): Record<string, string> {
  if (event.sequence === Number(hash['sequence'])) return { ...hash };
  const then: Record<string, string> = {};
  for (const [field, text] of Object.entries(hash)) {
    if (field.startsWith('h:')) continue;
    if (field.startsWith('a:')) {
      const attempt = attemptAt(text, event);
      if (attempt !== null) then[field] = attempt;
    } else then[field] = text;
  }
  const { sequence, status, run, atMs, error } = event;
  Object.assign(then, { sequence: String(sequence), status, run: String(run) });
  then['attempts_total'] = String(attemptsBy(hash, event));
  for (const name of ['error', 'finished_at', 'song']) delete then[name];
  if (Number(then['started_at']) > atMs) delete then['started_at'];
  if (isSettled(status)) then['finished_at'] = String(atMs);
  if (error !== null) then['error'] = error;
  return then;
}

interface StoredTimes {
  readonly number: number;
  readonly started_at: number;
  readonly finished_at?: number;
}

/** A call that began in the very millisecond of its generation coming into line belongs to what came next. */
function hadBegun(attempt: StoredTimes, { status, atMs }: PastEvent): boolean {
  const waits = status === 'queued' || status === 'scheduled';
  return attempt.started_at < atMs || (attempt.started_at === atMs && !waits);
}

function attemptAt(text: string, event: PastEvent): string | null {
  const attempt = JSON.parse(text) as StoredTimes & { outcome?: string; charge?: string; upstream?: object };
  if (!hadBegun(attempt, event)) return null;
  if (attempt.finished_at === undefined || attempt.finished_at <= event.atMs) return text;
  const { finished_at: _finished, outcome: _outcome, charge: _charge, upstream: _upstream, ...open } = attempt;
  return JSON.stringify(open);
}

/** Attempts are numbered from 1; of old ones that cost nothing only the number is left. */
function attemptsBy(hash: Readonly<Record<string, string>>, event: PastEvent): number {
  let later = Number(hash['attempts_total'] ?? 0) + 1;
  for (const [field, text] of Object.entries(hash)) {
    if (!field.startsWith('a:')) continue;
    const attempt = JSON.parse(text) as StoredTimes;
    if (!hadBegun(attempt, event)) later = Math.min(later, attempt.number);
  }
  return later - 1;
}
