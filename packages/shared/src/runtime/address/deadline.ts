import { GuardError } from './guard-error.ts';

/** A limit on time that can also be ended early; what it bounds then rejects with its reason. */
export interface Deadline {
  readonly signal: AbortSignal;
  end(reason: GuardError): void;
  /** Takes the timer away. Call it however the work ended. */
  clear(): void;
  /** Settles as the work does, or rejects once the time is over. The work itself goes on unheard. */
  bound<T>(work: Promise<T>): Promise<T>;
}

/** @param ms after which everything bound rejects with `GuardError` `timeout` */
export function deadline(ms: number): Deadline {
  const controller = new AbortController();
  const { signal } = controller;
  const timer = setTimeout(() => controller.abort(new GuardError('timeout')), ms);
  return {
    signal,
    end: (reason) => controller.abort(reason),
    clear: () => clearTimeout(timer),
    bound: (work) => {
      const over = Promise.withResolvers<never>();
      const onAbort = () => over.reject(signal.reason as GuardError);
      if (signal.aborted) onAbort();
      signal.addEventListener('abort', onAbort, { once: true });
      return Promise.race([work, over.promise]).finally(() => signal.removeEventListener('abort', onAbort));
    },
  };
}
