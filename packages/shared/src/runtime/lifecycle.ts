/** The contract of everything long-lived: safe to stop twice; resolves when nothing of it is left. */
export interface Part {
  stop(): Promise<void>;
}

/**
 * Stops parts in the order given, each even if the one before failed to stop.
 * @throws AggregateError with every failure, after all were stopped
 */
export async function stopAll(parts: readonly Part[]): Promise<void> {
  const failures: unknown[] = [];
  for (const part of parts) {
    try {
      await part.stop();
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw new AggregateError(failures, 'some parts failed to stop');
}
