import { releaseGeneration } from '@songmill/shared/runtime/records/release';
import type { WorkerContext } from './context.ts';
import type { Move } from './move.ts';

/**
 * A claim led to no call: for `not_sent` its intent could not be written to the journal, and the generation keeps
 * its place in line; `commit_damaged` ends its run. Nothing was spent, and the upstream has nothing to do with it.
 */
export async function giveBackUncalled(
  context: WorkerContext,
  { id, token, kind, message }: { id: string; token: string; kind: 'not_sent' | 'commit_damaged'; message: string },
): Promise<Move> {
  const { settings, records, logger, journal } = context;
  const answer = await releaseGeneration(records, {
    id,
    token,
    worker: context.workerId,
    kind,
    message,
    upstream: null,
    delayMs: 0,
    waitReason: 'storage',
    hold: null,
    firstProbeMs: settings.ACCOUNT_PROBE_MS,
    gaveUp: true,
    breaker: { firstMs: settings.RETRY_BASE_MS, longestMs: settings.RETRY_MAX_MS },
    maxAttempts: settings.MAX_ATTEMPTS,
    maxUnknownCharges: settings.MAX_UNKNOWN_CHARGES,
  });
  // Should its intent have reached the disk after all, this takes it back.
  void journal
    .write({ event: 'settled', id, token })
    .catch((error: unknown) => logger.error({ err: error }, 'journal'));
  if (answer.outcome === 'gone' || answer.status !== 'queued') return { kind: 'finish', spent: false };
  return { kind: 'brake', ms: settings.RETRY_BASE_MS, reason: 'storage', spent: false };
}
