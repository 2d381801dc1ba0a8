/**
 * The closed sets of words that the public contract, the records, logs, metrics and pages share.
 * Nothing here does I/O; clients and the console may import it.
 */

/** Where a generation can be. The last four are settled. */
export const STATUSES = [
  'scheduled',
  'queued',
  'processing',
  'succeeded',
  'failed',
  'canceled',
  'needs_review',
] as const;
export type Status = (typeof STATUSES)[number];

/** Waits, streams and batches end on these. */
export const SETTLED_STATUSES = ['succeeded', 'failed', 'canceled', 'needs_review'] as const;
export type SettledStatus = (typeof SETTLED_STATUSES)[number];

const settled: ReadonlySet<string> = new Set(SETTLED_STATUSES);

/** True for a status that ends waits. A status that we do not know is not settled. */
export function isSettled(status: string): status is SettledStatus {
  return settled.has(status);
}

/** How one upstream call ended. */
export const OUTCOMES = ['succeeded', 'rejected', 'rate_limited', 'account', 'retryable', 'unknown'] as const;
export type Outcome = (typeof OUTCOMES)[number];

/** What one upstream call cost us, as far as anybody can know. */
export const CHARGES = ['none', 'charged', 'unknown'] as const;
export type Charge = (typeof CHARGES)[number];

/** Why a generation did not give a song. */
export const GENERATION_ERROR_CODES = [
  'invalid_request',
  'content_rejected',
  'upstream_unavailable',
  'upstream_timeout',
  'bad_response',
  'response_too_large',
  'unknown_charge',
  'model_unavailable',
  'storage_failed',
  'reference_failed',
  'expired',
  'canceled',
] as const;
export type GenerationErrorCode = (typeof GENERATION_ERROR_CODES)[number];

/** Problem codes of the HTTP API with the status each is answered with. */
export const PROBLEM_STATUS = {
  malformed_body: 400,
  unauthenticated: 401,
  spend_limit: 402,
  forbidden: 403,
  not_found: 404,
  audio_not_ready: 404,
  method_not_allowed: 405,
  conflict: 409,
  gone: 410,
  body_too_large: 413,
  unsupported_media_type: 415,
  range_not_satisfiable: 416,
  validation_failed: 422,
  idempotency_key_reused: 422,
  rate_limited: 429,
  queue_full: 429,
  internal: 500,
  queue_unavailable: 503,
  storage_unavailable: 503,
} as const;
export type ProblemCode = keyof typeof PROBLEM_STATUS;

/** Interactive songs pass normal ones, normal ones pass bulk. */
export const PRIORITIES = ['interactive', 'normal', 'bulk'] as const;
export type Priority = (typeof PRIORITIES)[number];

/** Why a waiting generation waits, in the order in which they are judged; null = only others are ahead. */
export const BLOCKERS = [
  'schedule',
  'reference',
  'paused',
  'account',
  'model',
  'storage',
  'no_worker',
  'upstream',
  'quota',
  'rate_limit',
  'backoff',
  'concurrency',
] as const;
export type Blocker = (typeof BLOCKERS)[number];

/** What an attempt whose charge nobody knows leads to. */
export const UNKNOWN_CHARGE_POLICIES = ['retry', 'hold', 'fail'] as const;
export type UnknownChargePolicy = (typeof UNKNOWN_CHARGE_POLICIES)[number];

/** What a key may do. Each includes what its meaning says in contract.md section 3. */
export const SCOPES = ['read', 'generate', 'operate', 'admin'] as const;
export type Scope = (typeof SCOPES)[number];

export const QUEUES = ['generate', 'references', 'deliver', 'ingest'] as const;
export type QueueName = (typeof QUEUES)[number];
