import { BadResponseError, ConnectionError, isApiError, isConnectionError, isTimeoutError } from '../errors.ts';
import { type ClientContext, sendForStream } from '../request.ts';
import { isRetryableStatus, retryDelayMs } from '../retry-timing.ts';
import { createSseParser, type SseMessage, type SseParser } from './sse-parser.ts';

export interface FollowOptions {
  readonly signal?: AbortSignal | undefined;
  /** The `id` of an event seen before: the stream goes on after it. */
  readonly lastEventId?: string | undefined;
  /**
   * Connections in a row that may fail before the last failure is thrown; none by default, as a stream
   * is meant to outlive restarts. What no repetition helps against, such as a wrong key, is thrown at once.
   */
  readonly maxRetries?: number | undefined;
}

/** The server sends something every 15 s; a connection silent for three times as long is dead. */
const SILENT_MS = 45_000;
/** What a server asks for that says nothing. */
const RETRY_MS = 3000;

/**
 * Messages of a stream, through lost connections and restarted servers: it connects again and resumes
 * after the last id. Ends when the server says that there is no more (204), or when the loop is left.
 *
 * @param isLast a message after which the server closes when nothing follows: that end is no loss
 */
export async function* follow(
  context: ClientContext,
  call: { readonly path: string; readonly query?: Readonly<Record<string, string | undefined>> },
  options: FollowOptions,
  isLast: (message: SseMessage) => boolean,
): AsyncGenerator<SseMessage, void, undefined> {
  const { signal, maxRetries = Number.POSITIVE_INFINITY } = options;
  let lastId = options.lastEventId ?? null;
  let retryMs = RETRY_MS;
  for (let failures = 0; ; ) {
    signal?.throwIfAborted();
    const connection = new AbortController();
    const both = signal ? AbortSignal.any([signal, connection.signal]) : connection.signal;
    const parser = createSseParser(lastId);
    try {
      const body = await open(context, call, lastId, both);
      if (body === null) return;
      let last = false;
      for await (const message of messagesOf(body, parser, connection)) {
        failures = 0;
        last = isLast(message);
        yield message;
      }
      if (last) return;
    } catch (error) {
      signal?.throwIfAborted();
      if (!isPassing(error) || ++failures > maxRetries) throw error;
      const wishMs = isApiError(error) ? error.retryAfterMs : null;
      await context.pause(Math.max(retryDelayMs(Math.min(failures, 5), wishMs, context.random) ?? 60_000, 1), signal);
      continue;
    } finally {
      connection.abort();
      // All that was read has been handed over: the next piece is asked for only then.
      ({ lastId } = parser);
      retryMs = parser.retryMs ?? retryMs;
    }
    // So that many who lost one server do not all come to the next at one moment.
    await context.pause(retryMs * (0.5 + context.random() / 2), signal);
  }
}

async function open(
  context: ClientContext,
  call: Parameters<typeof follow>[1],
  lastId: string | null,
  signal: AbortSignal,
): Promise<ReadableStream<Uint8Array> | null> {
  const headers = { accept: 'text/event-stream', 'last-event-id': lastId || undefined };
  const options = { signal, maxRetries: 0 };
  const { data: response } = await sendForStream(context, { method: 'GET', ...call, headers, options });
  if (response.status === 204) return null;
  const type = response.headers.get('content-type') ?? 'no content type';
  if (!/^text\/event-stream\b/i.test(type) || response.body === null) {
    throw new BadResponseError(`expected a stream of events, got ${response.status} with ${type}; is url right?`);
  }
  return response.body;
}

async function* messagesOf(
  body: ReadableStream<Uint8Array>,
  parser: SseParser,
  connection: AbortController,
): AsyncGenerator<SseMessage, void, undefined> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  try {
    for (;;) {
      const silence = setTimeout(() => connection.abort(), SILENT_MS);
      const { done, value } = await reader
        .read()
        .catch((cause: unknown) => {
          throw new ConnectionError('the stream of events broke off', { cause });
        })
        .finally(() => clearTimeout(silence));
      if (done) return;
      yield* parser.push(decoder.decode(value, { stream: true }));
    }
  } finally {
    // The loop may have been left before the end; a stream that has broken off may refuse.
    await reader.cancel().catch(() => {});
  }
}

function isPassing(error: unknown): boolean {
  if (isConnectionError(error) || isTimeoutError(error)) return true;
  return isApiError(error) && isRetryableStatus(error.status);
}
