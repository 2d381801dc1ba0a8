import { type Logger, pino } from 'pino';

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
  });
}
