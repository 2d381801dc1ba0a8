import type { Part } from '@songmill/shared/runtime/lifecycle';

export interface Loop extends Part {
  /** Runs now, or once more if it is running. */
  wake(): void;
}

/**
 * Runs `work` again and again, `ms` after it last ended, never twice at a time. A failure is reported
 * and the loop goes on. `stop` waits for the run under way.
 */
export function every(ms: number, work: () => Promise<unknown>, onError: (error: unknown) => void): Loop {
  let timer: NodeJS.Timeout | null = null;
  let running: Promise<void> | null = null;
  let again = false;
  let stopped = false;

  const run = (): void => {
    if (stopped) return;
    if (running) {
      again = true;
      return;
    }
    if (timer) clearTimeout(timer);
    again = false;
    running = work()
      .then(() => undefined, onError)
      .finally(() => {
        running = null;
        if (stopped) return;
        if (again) run();
        else timer = setTimeout(run, ms);
      });
  };
  timer = setTimeout(run, ms);
  return {
    wake: run,
    async stop() {
      stopped = true;
      if (timer) clearTimeout(timer);
      await running;
    },
  };
}
