/**
 * Waits `ms` milliseconds. Rejects with the signal's reason as soon as it aborts, and leaves neither
 * a timer nor a listener behind.
 */
export type Pause = (ms: number, signal?: AbortSignal) => Promise<void>;

export const pause: Pause = (ms, signal) =>
  new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const stop = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop);
      resolve();
    }, ms);
    signal?.addEventListener('abort', stop, { once: true });
  });

/** A signal that aborts when the time is up or when the caller's own signal does. */
export interface Deadline {
  readonly signal: AbortSignal;
  /** Milliseconds left; `Infinity` without a limit. */
  remainingMs(): number;
  /** Stops the clock; the caller's own signal still counts. */
  clear(): void;
}

/** Timers hold at most this many milliseconds (about 24.8 days); more would fire at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/**
 * Starts a deadline.
 *
 * @param ms the limit in milliseconds; undefined or Infinity = none
 * @param outer the caller's signal; its reason passes through unchanged
 * @param reason makes the error that the signal aborts with when the time is up
 */
export function startDeadline(ms: number | undefined, outer: AbortSignal | undefined, reason: () => Error): Deadline {
  const controller = new AbortController();
  const signal = outer ? AbortSignal.any([outer, controller.signal]) : controller.signal;
  if (ms === undefined || ms === Number.POSITIVE_INFINITY) {
    return { signal, remainingMs: () => Number.POSITIVE_INFINITY, clear: () => {} };
  }
  const endMs = performance.now() + ms;
  const timer = setTimeout(() => controller.abort(reason()), Math.min(ms, LONGEST_TIMER_MS));
  return { signal, remainingMs: () => endMs - performance.now(), clear: () => clearTimeout(timer) };
}
