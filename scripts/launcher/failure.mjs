/** A failure whose message is meant for the person at the keyboard: printed without a stack. */
export class LauncherError extends Error {
  /**
   * @param {string} message what happened and what to do about it
   * @param {number} [exitCode]
   */
  constructor(message, exitCode = 1) {
    super(message);
    this.name = 'LauncherError';
    this.exitCode = exitCode;
  }
}

/**
 * Prints a failure and gives the exit code that belongs to it. Whatever fails after a stop was asked for is the
 * consequence of that, not news.
 *
 * @param {unknown} error
 * @param {{ signal: AbortSignal, exitCode: number, release(): void }} stop
 */
export function explain(error, stop) {
  stop.release();
  if (stop.signal.aborted) return stop.exitCode;
  if (error instanceof LauncherError) {
    process.stderr.write(`${error.message}\n`);
    return error.exitCode;
  }
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  return 1;
}
