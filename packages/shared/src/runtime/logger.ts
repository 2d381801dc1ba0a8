import { type Logger, type LogFn, pino } from 'pino';
import { redisTrouble } from './redis-trouble.ts';

export type { Logger } from 'pino';

/**
 * JSON lines on stdout, one event per line: UTC time, level as a word, constant `msg`, ids as fields.
 * Nothing is redacted by path here: secrets and lyrics are simply never passed to a logger.
 */
export function createLogger(process: 'api' | 'worker' | 'simulator', level: string): Logger {
  return pino({
    level,
    base: { process },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    hooks: { logMethod: oncePerMinute() },
  });
}

const AGAIN_MS = 60_000;

/**
 * While Redis is away, full or read-only every loop fails again and again for the one reason: each of them says so once
 * a minute. At the level `debug` nothing is left out.
 */
export function oncePerMinute(now: () => number = () => performance.now()) {
  const told = new Map<string, number>();
  return function logMethod(this: Logger, args: Parameters<LogFn>, method: LogFn): void {
    const [fields, message] = args as unknown as [{ err?: unknown } | undefined, string | undefined];
    const trouble = redisTrouble(fields?.err);
    if (trouble !== null && !this.isLevelEnabled('debug')) {
      const key = `${message ?? ''}: ${trouble.says}`;
      if (now() - (told.get(key) ?? Number.NEGATIVE_INFINITY) < AGAIN_MS) return;
      told.set(key, now());
    }
    method.apply(this, args);
  };
}
