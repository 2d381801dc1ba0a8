import type { Charge, GenerationErrorCode, Outcome } from './words.ts';

/** Which per-run budgets an attempt uses up. */
export type CountsToward = 'nothing' | 'max_attempts' | 'both_limits' | 'ends_run';

interface OutcomeRow {
  /** What happened, in the words of the public table. */
  readonly what: string;
  readonly outcome: Outcome;
  readonly charge: Charge;
  readonly counts: CountsToward;
  /** The code of the generation if this is what it finally fails with. */
  readonly error: GenerationErrorCode | null;
}

/**
 * "Outcome and charge": the one table that code, docs and tests read (contract.md; reasons in
 * docs/retries.md). The rows are data so that a new upstream code changes a line, never a branch.
 * Keys name what happened; `packages/worker/src/upstream/classify.ts` maps an answer to a key.
 */
export const OUTCOME_TABLE = {
  not_sent: {
    what: 'request never fully written, known by the living caller (DNS, refused, TLS)',
    outcome: 'retryable',
    charge: 'none',
    counts: 'nothing',
    error: 'upstream_unavailable',
  },
  invalid_request: {
    what: 'refusal: 4xx or a validation code',
    outcome: 'rejected',
    charge: 'none',
    counts: 'ends_run',
    error: 'invalid_request',
  },
  content_rejected: {
    what: 'refusal of the input by content policy (1026)',
    outcome: 'rejected',
    charge: 'none',
    counts: 'ends_run',
    error: 'content_rejected',
  },
  output_rejected: {
    what: 'the song was made and then refused by content policy (1027)',
    outcome: 'rejected',
    charge: 'unknown',
    counts: 'ends_run',
    error: 'content_rejected',
  },
  quota: {
    what: 'quota window: 1028, 1030, 2056, -10007, -10012, -10018 (also as 429)',
    outcome: 'rate_limited',
    charge: 'none',
    counts: 'nothing',
    error: null,
  },
  rate_limited: {
    what: '429, 1002, 1041, 2045',
    outcome: 'rate_limited',
    charge: 'none',
    counts: 'nothing',
    error: 'upstream_unavailable',
  },
  account: {
    what: 'key, balance, permission or plan: holds the account',
    outcome: 'account',
    charge: 'none',
    counts: 'nothing',
    error: null,
  },
  model: {
    what: 'a refusal that concerns one model (2061, -10008 of a model that never worked): holds that model',
    outcome: 'account',
    charge: 'none',
    counts: 'nothing',
    error: 'model_unavailable',
  },
  stated_failure: {
    what: 'failure stated by either envelope (1001, 1024, 1033, -10008 of a model that has worked)',
    outcome: 'retryable',
    charge: 'none',
    counts: 'max_attempts',
    error: 'upstream_unavailable',
  },
  unknown_failure: {
    what: '5xx without an envelope, 1000, 1013, -10003, gateway timeouts, unknown codes, reset',
    outcome: 'unknown',
    charge: 'unknown',
    counts: 'both_limits',
    error: 'upstream_unavailable',
  },
  timeout: {
    what: 'our timeout, or the gateway stating its own (-1024, -10504)',
    outcome: 'unknown',
    charge: 'unknown',
    counts: 'both_limits',
    error: 'upstream_timeout',
  },
  unreadable: {
    what: 'a cut or unreadable 2xx',
    outcome: 'unknown',
    charge: 'unknown',
    counts: 'both_limits',
    error: 'bad_response',
  },
  worker_died: {
    what: 'the worker that held the call died',
    outcome: 'unknown',
    charge: 'unknown',
    counts: 'both_limits',
    error: 'unknown_charge',
  },
  too_large: {
    what: 'an answer over UPSTREAM_MAX_RESPONSE_BYTES',
    outcome: 'rejected',
    charge: 'unknown',
    counts: 'ends_run',
    error: 'response_too_large',
  },
  unusable_audio: {
    what: 'a complete success whose audio is unusable',
    outcome: 'retryable',
    charge: 'charged',
    counts: 'both_limits',
    error: 'bad_response',
  },
  song_lost: {
    what: 'a song that could not be kept: no room in the spool, or its file was damaged',
    outcome: 'retryable',
    charge: 'charged',
    counts: 'both_limits',
    error: 'storage_failed',
  },
  commit_damaged: {
    what: 'no call: what storage holds for this generation cannot be read',
    outcome: 'rejected',
    charge: 'none',
    counts: 'ends_run',
    error: 'storage_failed',
  },
  song: {
    what: 'a song',
    outcome: 'succeeded',
    charge: 'charged',
    counts: 'ends_run',
    error: null,
  },
} as const satisfies Record<string, OutcomeRow>;

/** What happened in one upstream call: a key of {@link OUTCOME_TABLE}. */
export type OutcomeKind = keyof typeof OUTCOME_TABLE;
