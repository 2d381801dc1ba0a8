import { createHash } from 'node:crypto';

/** One call as the record tells it. */
export interface AttemptSeen {
  readonly number: number;
  readonly run: number;
  /** Null in what is left of an erased record. */
  readonly token: string | null;
  readonly startedMs: number;
  /** Null while it is open, and for an erased record, which does not keep it. */
  readonly finishedMs: number | null;
  readonly outcome: string | null;
  readonly charge: string | null;
  /** Whether the upstream's own code is on record: it tells a stated failure from a call that was never sent. */
  readonly answered: boolean;
  /** Written down only when its song was found, because Redis had forgotten the claim. */
  readonly found: boolean;
}

export interface SongSeen {
  readonly token: string;
  readonly key: string;
  readonly bytes: number;
  readonly sha256: string;
}

export interface HistorySeen {
  readonly sequence: number;
  readonly status: string;
  readonly run: number;
  readonly atMs: number;
}

/** A generation as Redis holds it. */
export interface RecordSeen {
  readonly id: string;
  readonly project: string;
  readonly status: string;
  readonly run: number;
  readonly sequence: number;
  /** Score in every list. */
  readonly ordinal: number;
  readonly policy: string;
  readonly createdMs: number;
  readonly finishedMs: number | null;
  readonly lyrics: string;
  readonly lyricsSha256: string;
  readonly attempts: readonly AttemptSeen[];
  readonly attemptsTotal: number;
  readonly counted: number;
  readonly unknown: number;
  readonly song: SongSeen | null;
  readonly spare: SongSeen | null;
  readonly error: boolean;
  readonly history: readonly HistorySeen[];
  /** Token of a call that is open. */
  readonly intent: string | null;
  /** Hash of the idempotency key that made it. */
  readonly idempotency: string | null;
  readonly packed: boolean;
  /** The request's own URL, and what that is told. */
  readonly webhook: { readonly url: string; readonly events: readonly string[] } | null;
}

/** What stays of an erased generation. */
export interface ErasedSeen {
  readonly id: string;
  readonly status: string;
  readonly attempts: readonly AttemptSeen[];
}

/** @param hash the fields of a generation, unpacked */
export function recordOf(id: string, hash: Readonly<Record<string, string>>, packed: boolean): RecordSeen {
  const { lyrics, webhook } = JSON.parse(hash['request'] ?? '{"lyrics":""}') as {
    lyrics: string;
    webhook?: RecordSeen['webhook'];
  };
  return {
    id,
    project: hash['project'] ?? '',
    status: hash['status'] ?? '',
    run: Number(hash['run']),
    sequence: Number(hash['sequence']),
    ordinal: Number(hash['ordinal']),
    policy: hash['policy'] ?? '',
    createdMs: Number(hash['created_at']),
    finishedMs: hash['finished_at'] === undefined ? null : Number(hash['finished_at']),
    lyrics,
    lyricsSha256: createHash('sha256').update(lyrics).digest('hex'),
    attempts: attemptsOf(hash),
    attemptsTotal: Number(hash['attempts_total'] ?? 0),
    counted: Number(hash['counted'] ?? 0),
    unknown: Number(hash['unknown'] ?? 0),
    song: songOf(hash['song']),
    spare: songOf(hash['spare']),
    error: Boolean(hash['error']),
    history: historyOf(hash),
    intent: hash['token'] || null,
    idempotency: hash['idempotency'] || null,
    packed,
    webhook: webhook ?? null,
  };
}

/** @param text what `erase` leaves */
export function erasedOf(id: string, text: string): ErasedSeen {
  const money = JSON.parse(text) as { status: string; attempts: StoredAttempt[] };
  return { id, status: money.status, attempts: money.attempts.map(attemptOf) };
}

interface StoredAttempt {
  number: number;
  run: number;
  token?: string;
  started_at: number;
  finished_at?: number;
  outcome?: string;
  charge?: string;
  upstream?: { code?: number | null; http_status?: number | null } | null;
  found?: boolean;
}

function attemptOf(stored: StoredAttempt): AttemptSeen {
  return {
    number: stored.number,
    run: stored.run,
    token: stored.token ?? null,
    startedMs: stored.started_at,
    finishedMs: stored.finished_at ?? null,
    outcome: stored.outcome ?? null,
    charge: stored.charge ?? null,
    answered: (stored.upstream?.code ?? stored.upstream?.http_status ?? null) !== null,
    found: stored.found === true,
  };
}

function attemptsOf(hash: Readonly<Record<string, string>>): AttemptSeen[] {
  return Object.entries(hash)
    .filter(([field]) => /^a:\d+$/.test(field))
    .map(([, text]) => attemptOf(JSON.parse(text) as StoredAttempt))
    .sort((a, b) => a.number - b.number);
}

function songOf(text: string | undefined): SongSeen | null {
  return text ? (JSON.parse(text) as SongSeen) : null;
}

function historyOf(hash: Readonly<Record<string, string>>): HistorySeen[] {
  return Object.entries(hash)
    .filter(([field]) => /^h:\d+$/.test(field))
    .map(([field, text]) => {
      const [status = '', run, atMs] = text.split('|');
      return { sequence: Number(field.slice(2)), status, run: Number(run), atMs: Number(atMs) };
    })
    .sort((a, b) => a.sequence - b.sequence);
}
