import type { Attempt, Generation } from '../../contract/generation.ts';
import type { AcceptedRequest } from '../../contract/generation-rules.ts';
import type { Price } from '../../contract/models.ts';
import type { Priority, Status } from '../../contract/words.ts';

/**
 * What was asked, as the record keeps it. The price in force then is kept with it (absent when none
 * was set), so that a price changed later does not rewrite what a song cost.
 */
export type StoredRequest = AcceptedRequest & { readonly price?: Price };

/** One event of a generation's own history; `sequence` is what streams resume from. */
export interface HistoryEntry {
  readonly sequence: number;
  readonly status: Status;
  readonly run: number;
  readonly atMs: number;
}

/** A stored song as the commit file and the record know it. */
export interface Song {
  readonly token: string;
  readonly key: string;
  readonly kind: NonNullable<Generation['result']>['kind'];
  readonly format: 'mp3' | 'wav';
  readonly bytes: number;
  readonly duration_ms: number;
  readonly sha256: string;
  readonly trace_id: string | null;
}

/** A generation as Redis holds it, parsed. Times are Unix milliseconds of Redis' own clock. */
export interface GenerationRecord {
  readonly id: string;
  readonly project: string;
  readonly status: Status;
  readonly sequence: number;
  readonly run: number;
  /** Microseconds, unique and rising: the order of every list, and its cursor. */
  readonly ordinal: number;
  readonly createdMs: number;
  readonly startedMs: number | null;
  readonly finishedMs: number | null;
  readonly request: StoredRequest;
  readonly priority: Priority;
  readonly batchId: string | null;
  readonly batchIndex: number | null;
  /** From when the time that its song and it are kept is reckoned: its end, for an item of a batch the batch's. */
  readonly keptFromMs: number | null;
  readonly attempts: readonly Attempt[];
  readonly attemptsTotal: number;
  /** Attempts of this run that count toward MAX_ATTEMPTS, and toward MAX_UNKNOWN_CHARGES. */
  readonly counted: number;
  readonly unknownCharges: number;
  /** Not to be started before this time (backoff). */
  readonly notBeforeMs: number | null;
  /** Why it waits, while it waits for more than its turn. */
  readonly waitReason: string | null;
  readonly song: Song | null;
  readonly spare: Song | null;
  readonly error: Generation['error'];
  readonly history: readonly HistoryEntry[];
}
