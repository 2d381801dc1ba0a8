import { type Answer, AnswerPromise } from './answer.ts';
import { type Deadline, type Pause, startDeadline } from './clock.ts';
import { ApiError, BadResponseError, ConnectionError, SongmillError, TimeoutError } from './errors.ts';
import { apiErrorOf } from './problem.ts';
import { isRetryableStatus, retryDelayMs } from './retry-timing.ts';

/** The part of `fetch` that is used. */
export type FetchLike = (url: string, init: RequestInit) => Promise<Response>;

/** What every resource needs; made once by the client. */
export interface ClientContext {
  /** Without a slash at the end. */
  readonly url: string;
  readonly apiKey: string | null;
  readonly fetch: FetchLike;
  readonly timeoutMs: number;
  readonly maxRetries: number;
  readonly pause: Pause;
  readonly random: () => number;
}

/** What every call takes besides its own arguments. */
export interface CallOptions {
  /** Aborts the call; what it rejects with is the signal's reason, an `AbortError` by default. */
  readonly signal?: AbortSignal | undefined;
  /** Limit for the whole call with all its tries, in milliseconds, on top of the time the server was asked to wait. */
  readonly timeoutMs?: number | undefined;
  /** Further tries after the first one failed for a passing reason. */
  readonly maxRetries?: number | undefined;
}

export interface Call {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly query?: Readonly<Record<string, string | null | undefined>>;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Sent as a form instead; every try sends it anew. */
  readonly form?: FormData;
  /** Sent as it is, under the type that it has; every try sends it anew. */
  readonly file?: Blob;
  readonly headers?: Readonly<Record<string, string | undefined>>;
  /** One key for all tries of the call, which makes a POST safe to repeat. */
  readonly idempotencyKey?: string;
  /** `Prefer: wait=N`, in seconds; the server cuts it to 60. */
  readonly wait?: number | undefined;
  /** Statuses besides 2xx that are answers, not errors. */
  readonly alsoFine?: readonly number[];
  readonly options?: CallOptions | undefined;
}

/** Sends a call and reads its JSON answer. A 204 and a 304 have null as data. */
export function sendJson<T>(context: ClientContext, call: Call): AnswerPromise<T> {
  return new AnswerPromise(send(context, call, (response) => jsonOf<T>(response)));
}

/** Sends a call and hands its answer over with the body still streaming; the time limit ends with the headers. */
export function sendForStream(context: ClientContext, call: Call): Promise<Answer<Response>> {
  return send(context, call, (response) => Promise.resolve(response));
}

type Read<T> = (response: Response) => Promise<T>;

/** One try: an answer, or a failure that may be repeated or not. Aborts and timeouts are thrown instead. */
type Outcome<T> =
  | { readonly ok: true; readonly response: Response; readonly data: T }
  | { readonly ok: false; readonly error: SongmillError; readonly passing: boolean; readonly unanswered: boolean };

async function send<T>(context: ClientContext, call: Call, read: Read<T>): Promise<Answer<T>> {
  const { signal, maxRetries = context.maxRetries, timeoutMs = context.timeoutMs } = call.options ?? {};
  const idempotencyKey = call.idempotencyKey ?? null;
  const limitMs = timeoutMs + Math.min(call.wait ?? 0, 60) * 1000;
  let last: SongmillError | undefined;
  const deadline = startDeadline(limitMs, signal, () => {
    const message = `${call.method} ${call.path}: no answer within ${limitMs} ms`;
    return new TimeoutError(message, { idempotencyKey, ...(last ? { cause: last } : {}) });
  });
  const repeatable = call.method !== 'POST' || idempotencyKey !== null;
  let mayBeDone = false;
  try {
    for (let tries = 1; ; tries++) {
      const outcome: Outcome<T> = await attempt(context, call, read, deadline, mayBeDone);
      if (outcome.ok) return answerOf(outcome.response, outcome.data, idempotencyKey, tries);
      last = outcome.error;
      mayBeDone ||= outcome.unanswered;
      if (!outcome.passing || !repeatable || tries > maxRetries) throw last;
      const wishMs = last instanceof ApiError ? last.retryAfterMs : null;
      const delayMs = retryDelayMs(tries, wishMs, context.random);
      // The server's error says more than a timeout that would surely follow it.
      if (delayMs === null || delayMs >= deadline.remainingMs()) throw last;
      await context.pause(delayMs, deadline.signal);
    }
  } finally {
    deadline.clear();
  }
}

async function attempt<T>(
  context: ClientContext,
  call: Call,
  read: Read<T>,
  deadline: Deadline,
  mayBeDone: boolean,
): Promise<Outcome<T>> {
  const { signal } = deadline;
  signal.throwIfAborted();
  const idempotencyKey = call.idempotencyKey ?? null;
  const request = requestOf(context, call, signal);
  try {
    const response = await context.fetch(request.url, request.init);
    // What an earlier try deleted before its answer was lost is gone now, as asked.
    const alreadyDeleted = mayBeDone && call.method === 'DELETE' && response.status === 404;
    if (alreadyDeleted) {
      await response.body?.cancel();
      return { ok: true, response, data: null as T };
    }
    if (response.ok || call.alsoFine?.includes(response.status)) {
      return { ok: true, response, data: await read(response) };
    }
    const error = await apiErrorOf(response, idempotencyKey);
    signal.throwIfAborted();
    const unanswered = response.status === 408 || response.status === 502 || response.status === 504;
    return { ok: false, error, passing: isRetryableStatus(response.status), unanswered };
  } catch (cause) {
    signal.throwIfAborted();
    if (cause instanceof BadResponseError) return { ok: false, error: cause, passing: false, unanswered: false };
    const message = `${call.method} ${context.url}${call.path}: ${reasonOf(cause)}`;
    const error = new ConnectionError(message, { cause, idempotencyKey });
    return { ok: false, error, passing: true, unanswered: true };
  }
}

function requestOf(context: ClientContext, call: Call, signal: AbortSignal): { url: string; init: RequestInit } {
  // An empty id or one of dots would name another route, such as a DELETE of the whole list.
  if (/\/\.{0,2}(\/|$)/.test(call.path)) throw new SongmillError(`not an id in ${call.path}`);
  const headers = new Headers({ accept: 'application/json' });
  for (const [name, value] of Object.entries(call.headers ?? {})) if (value !== undefined) headers.set(name, value);
  if (context.apiKey !== null) headers.set('authorization', `Bearer ${context.apiKey}`);
  if (call.idempotencyKey !== undefined) headers.set('idempotency-key', call.idempotencyKey);
  if (call.wait) headers.set('prefer', `wait=${Math.ceil(call.wait)}`);
  // A followed redirect would turn a POST into a GET whose answer looks like a success.
  const init: RequestInit = { method: call.method, headers, signal, redirect: 'manual' };
  if (call.body !== undefined) {
    headers.set('content-type', 'application/json');
    init.body = JSON.stringify(call.body);
  }
  if (call.form !== undefined) init.body = call.form;
  if (call.file !== undefined) {
    headers.set('content-type', call.file.type);
    init.body = call.file;
  }
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(call.query ?? {})) if (value != null) query.set(name, value);
  return { url: `${context.url}${call.path}${query.size > 0 ? `?${query.toString()}` : ''}`, init };
}

async function jsonOf<T>(response: Response): Promise<T> {
  const text = await response.text();
  if (response.status === 204 || response.status === 304) return null as T;
  try {
    return JSON.parse(text) as T;
  } catch (cause) {
    const type = response.headers.get('content-type') ?? 'no content type';
    throw new BadResponseError(`expected JSON, got ${response.status} with ${type}; is url right?`, { cause });
  }
}

function answerOf<T>(response: Response, data: T, idempotencyKey: string | null, tries: number): Answer<T> {
  const { status, headers } = response;
  const requestId = headers.get('x-request-id');
  const replayed = headers.get('idempotent-replayed') === 'true';
  return { data, status, headers, requestId, replayed, idempotencyKey, tries };
}

/** `fetch` says only "fetch failed"; the reason that helps is in the cause. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  if (!(cause instanceof Error)) return error.message;
  return 'code' in cause && typeof cause.code === 'string' && !cause.message ? cause.code : cause.message;
}
