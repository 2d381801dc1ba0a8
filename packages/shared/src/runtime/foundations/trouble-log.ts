import type { Logger } from '../logger.ts';

const AGAIN_MS = 60_000;

export interface Troubles {
  readonly errors: readonly string[];
  readonly warnings: readonly string[];
}

/**
 * Logs each trouble when it is first told, errors once a minute while they are told again, and that it is over when it
 * is told no more.
 * @param now monotonic ms
 */
export function createTroubleLog(logger: Logger, now: () => number = () => performance.now()): (now: Troubles) => void {
  const open = new Map<string, number>();
  return ({ errors, warnings }) => {
    const told = new Set([...errors, ...warnings]);
    for (const trouble of told) {
      const last = open.get(trouble);
      const serious = errors.includes(trouble);
      if (last !== undefined && (!serious || now() - last < AGAIN_MS)) continue;
      open.set(trouble, now());
      logger[serious ? 'error' : 'warn']({ trouble }, 'not as it should be');
    }
    for (const trouble of open.keys()) {
      if (told.has(trouble)) continue;
      open.delete(trouble);
      logger.info({ trouble }, 'this is over');
    }
  };
}
