import type { Generation } from '@songmill/shared/contract/generation';
import type { AnswerPromise } from './answer.ts';
import { type Pause, startDeadline } from './clock.ts';
import { TimeoutError } from './errors.ts';
import type { CallOptions } from './request.ts';
import { retryAfterMs } from './retry-timing.ts';
import { isSettled } from './settled.ts';

export interface WaitOptions {
  readonly signal?: AbortSignal | undefined;
  /** Limit for the whole wait in milliseconds; none by default. */
  readonly timeoutMs?: number | undefined;
  /** Further tries of one poll; raise it to sit out longer absences of the server. */
  readonly maxRetries?: number | undefined;
  /** Called with every answer, the settled one included, also when nothing changed. */
  readonly onUpdate?: ((generation: Generation) => void) | undefined;
}

/** Asks once for the record, letting the server hold the answer for some seconds. */
export type Poll = (holdSeconds: number, options: CallOptions) => AnswerPromise<Generation>;

/** How long the server holds a poll, in seconds. The contract's `Retry-After` is at most as long. */
const LONGEST_HOLD = 30;
/** With an `onUpdate` polls are shorter, but not shorter than this. */
const SHORTEST_HOLD = 2;
/** When a server names no `Retry-After`. */
const DEFAULT_RETRY_AFTER_MS = 1_000;

/**
 * Polls until the record is settled. `Retry-After` is honoured as the least time between two polls,
 * and is spent inside the next poll, held by the server, so that the end is seen when it comes.
 * A server that does not hold is left alone for that time instead.
 */
export async function untilSettled(
  poll: Poll,
  pause: Pause,
  givenId: string | null,
  options: WaitOptions,
): Promise<Generation> {
  const { onUpdate, maxRetries } = options;
  let id = givenId;
  const deadline = startDeadline(options.timeoutMs, options.signal, () => {
    const message = `${id ?? 'the song'} was not settled within ${options.timeoutMs} ms`;
    return new TimeoutError(message, { generationId: id });
  });
  try {
    // The first answer comes at once: it tells the caller the id and the present state.
    for (let hold = 0; ; ) {
      const startedMs = performance.now();
      const answer = await poll(hold, { signal: deadline.signal, maxRetries }).withResponse();
      const generation = answer.data;
      id = generation.id;
      onUpdate?.(generation);
      if (isSettled(generation.status)) return generation;
      const wishMs = Math.min(retryAfterMs(answer.headers) ?? DEFAULT_RETRY_AFTER_MS, LONGEST_HOLD * 1000);
      const spentMs = performance.now() - startedMs;
      if (hold > 0 && spentMs < wishMs) await pause(wishMs - spentMs, deadline.signal);
      hold = onUpdate ? Math.max(SHORTEST_HOLD, Math.ceil(wishMs / 1000)) : LONGEST_HOLD;
    }
  } finally {
    deadline.clear();
  }
}
