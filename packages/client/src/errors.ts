import type { InputFault, Problem } from '@songmill/shared/contract/problem';

/** Marks our errors across copies of this package, where `instanceof` would say no. */
const BRAND = Symbol.for('songmill.error');

export interface ErrorDetails {
  readonly cause?: unknown;
  readonly idempotencyKey?: string | null;
  readonly generationId?: string | null;
}

/** Every error that this package makes. An abort by the caller's own signal is not one: its reason passes through. */
export class SongmillError extends Error {
  override readonly name: string = 'SongmillError';
  readonly [BRAND] = true;
  /** The key the failed call carried: repeat the call with it and nothing is made or paid twice. */
  readonly idempotencyKey: string | null;

  constructor(message: string, details: ErrorDetails = {}) {
    super(message, 'cause' in details ? { cause: details.cause } : {});
    this.idempotencyKey = details.idempotencyKey ?? null;
  }
}

/** No answer came, or it broke off: refused, reset, name not found, TLS. `cause` is what `fetch` threw. */
export class ConnectionError extends SongmillError {
  override readonly name: string = 'ConnectionError';
}

/** The time given by `timeoutMs` is over. Nothing on the server was stopped by it. */
export class TimeoutError extends SongmillError {
  override readonly name: string = 'TimeoutError';
  /** The generation that was waited for, once its id is known. */
  readonly generationId: string | null;

  constructor(message: string, details: ErrorDetails = {}) {
    super(message, details);
    this.generationId = details.generationId ?? null;
  }
}

/** A success in a form that Songmill never sends, such as a proxy's page: the `url` is probably wrong. */
export class BadResponseError extends SongmillError {
  override readonly name: string = 'BadResponseError';
}

export interface ApiErrorDetails extends ErrorDetails {
  readonly status: number;
  readonly headers: Headers;
  /** The parsed problem+json; null when the answer was something else, such as a proxy's page. */
  readonly problem: Partial<Problem> | null;
  readonly retryAfterMs: number | null;
}

/** The server answered with an error status. */
export class ApiError extends SongmillError {
  override readonly name: string = 'ApiError';
  readonly status: number;
  /** What went wrong, for programs; null when the answer was no problem+json. Treat an unknown one by `status`. */
  readonly code: Problem['code'] | null;
  readonly requestId: string | null;
  readonly detail: string | null;
  /** Every fault of the input. */
  readonly errors: readonly InputFault[];
  readonly headers: Headers;
  /** What `Retry-After` said, in milliseconds. */
  readonly retryAfterMs: number | null;
  readonly problem: Partial<Problem> | null;

  constructor(message: string, details: ApiErrorDetails) {
    super(message, details);
    const { problem, headers } = details;
    this.status = details.status;
    this.headers = headers;
    this.problem = problem;
    this.code = problem?.code ?? null;
    this.requestId = problem?.request_id ?? headers.get('x-request-id');
    this.detail = problem?.detail ?? null;
    this.errors = problem?.errors ?? [];
    this.retryAfterMs = details.retryAfterMs;
  }
}

/** 401: no key, or one that is wrong, expired or revoked. */
export class AuthenticationError extends ApiError {
  override readonly name: string = 'AuthenticationError';
}

/** 403: the key lacks a scope; `problem.required_scope` names it. */
export class PermissionError extends ApiError {
  override readonly name: string = 'PermissionError';
}

/** 404: no such thing in this key's project, or a song that is not there yet (`audio_not_ready`). */
export class NotFoundError extends ApiError {
  override readonly name: string = 'NotFoundError';
}

/** 409: not possible in the present state. */
export class ConflictError extends ApiError {
  override readonly name: string = 'ConflictError';
}

/** 400 and 422: `errors` names every fault. */
export class ValidationError extends ApiError {
  override readonly name: string = 'ValidationError';
}

/** 429: too many calls, or the queue is full. */
export class RateLimitError extends ApiError {
  override readonly name: string = 'RateLimitError';
}

/** 502, 503 and 504: the server, its Redis or its storage is away for now. */
export class UnavailableError extends ApiError {
  override readonly name: string = 'UnavailableError';
}

/** True for every error of this package, also when another copy of it made the error. */
export function isSongmillError(error: unknown): error is SongmillError {
  return typeof error === 'object' && error !== null && BRAND in error;
}

export function isApiError(error: unknown): error is ApiError {
  return isSongmillError(error) && 'status' in error && 'problem' in error;
}

export function isConnectionError(error: unknown): error is ConnectionError {
  return isSongmillError(error) && error.name === 'ConnectionError';
}

export function isTimeoutError(error: unknown): error is TimeoutError {
  return isSongmillError(error) && error.name === 'TimeoutError';
}
