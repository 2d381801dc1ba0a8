import type { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';
import type { Ending } from './classify.ts';

/** Where the bytes of an answer go. */
export interface AnswerSink {
  /** Takes the next bytes; false asks to wait until `onRoom` calls back. */
  push(chunk: Buffer): boolean;
  onRoom(callback: () => void): void;
}

export interface Exchange {
  readonly ending: Ending;
  readonly trouble: string | null;
  /** Null when no answer began. */
  readonly status: number | null;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

export interface ExchangeOptions {
  readonly path: string;
  readonly headers: Record<string, string>;
  /** A stream needs its length in the headers. */
  readonly body: Buffer | Readable;
  /** Whole exchange, connect to last byte. */
  readonly timeoutMs: number;
  readonly maxResponseBytes: number;
  readonly signal?: AbortSignal | undefined;
}

/** The longest wait that a timer of Node keeps; a longer one would fire at once. */
const LONGEST_TIMER_MS = 2_147_483_647;

/**
 * One POST with one deadline and one cap, on undici's own dispatch: only there can be told for sure
 * whether a byte was written. undici calls `onRequestStart` right before it writes the head and the
 * body, together, to a connected socket, and never writes a POST a second time. So before that call
 * nothing was sent (`not_sent`: name, refusal, TLS, waiting); after it the request may have arrived.
 *
 * Never rejects: every way to end is an `Ending`. Resolves only when nothing more will be pushed.
 */
export function exchange(pool: Dispatcher, options: ExchangeOptions, sink: AnswerSink): Promise<Exchange> {
  return new Promise((resolve) => {
    let controller: Dispatcher.DispatchController | null = null;
    let settled = false;
    let status: number | null = null;
    let headers: Exchange['headers'] = {};
    let bytes = 0;

    const settle = (ending: Ending, trouble: string | null): void => {
      if (settled) return;
      settled = true;
      clearTimeout(timer);
      options.signal?.removeEventListener('abort', giveUp);
      resolve({ ending: controller === null ? 'not_sent' : ending, trouble, status, headers });
    };
    const hangUp = (ending: Ending, trouble: string): void => {
      settle(ending, trouble);
      controller?.abort(new Error(trouble));
    };
    const giveUp = (): void => hangUp('given_up', 'the caller gave up');
    const timer = setTimeout(
      () => hangUp('deadline', 'the deadline passed'),
      Math.min(options.timeoutMs, LONGEST_TIMER_MS),
    );
    options.signal?.addEventListener('abort', giveUp);
    if (options.signal?.aborted) return giveUp();

    const handler: Dispatcher.DispatchHandler = {
      onRequestStart(given) {
        // Settled while it waited for a connection: hanging up here is before the first byte.
        if (settled) given.abort(new Error('no longer wanted'));
        else controller = given;
      },
      onResponseStart(_controller, statusCode, given) {
        if (settled || statusCode < 200) return;
        status = statusCode;
        headers = given;
        if (Number(given['content-length']) > options.maxResponseBytes) hangUp('too_large', 'the answer is too large');
      },
      onResponseData(given, chunk) {
        if (settled) return;
        bytes += chunk.length;
        if (bytes > options.maxResponseBytes) hangUp('too_large', 'the answer is too large');
        else if (!sink.push(chunk)) {
          given.pause();
          sink.onRoom(() => given.resume());
        }
      },
      onResponseEnd() {
        settle('complete', null);
      },
      onResponseError(_controller, error) {
        settle('broken', troubleOf(error));
      },
    };
    const { path, headers: sent, body } = options;
    try {
      pool.dispatch(
        { method: 'POST', path, headers: sent, body, headersTimeout: 0, bodyTimeout: 0, idempotent: false },
        handler,
      );
    } catch (error) {
      settle('broken', troubleOf(error as Error));
    }
  });
}

/** Code and text of an error, its cause's where that says more. */
function troubleOf(error: Error & { code?: string }): string {
  const inner = error instanceof AggregateError ? (error.errors[0] as Error & { code?: string }) : error;
  const text = inner.message || inner.name;
  return inner.code !== undefined && !text.includes(inner.code) ? `${inner.code} ${text}` : text;
}
