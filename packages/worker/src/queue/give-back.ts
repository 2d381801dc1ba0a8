import { OUTCOME_TABLE, type OutcomeKind } from '@songmill/shared/contract/outcomes';
import type { Blocker } from '@songmill/shared/contract/words';
import { freeProbed } from '@songmill/shared/runtime/records/brake';
import { releaseGeneration } from '@songmill/shared/runtime/records/release';
import type { UpstreamResult } from '../upstream/result.ts';
import { backoffMs, limitWaitMs } from './backoff.ts';
import type { WorkerContext } from './context.ts';
import type { Move } from './move.ts';

type Failure = Exclude<UpstreamResult, { kind: 'song' }>;

interface Ended {
  readonly id: string;
  readonly token: string;
  /** Attempts of this run that had counted before this one. */
  readonly counted: number;
  readonly model: string;
  readonly result: Failure;
}

/** A call gave no song: records why, and says what the queue does next. */
export async function giveBack(context: WorkerContext, { id, token, counted, model, result }: Ended): Promise<Move> {
  const { settings, records, journal, logger } = context;
  const wait = waitAfter(context, result, counted);
  const answer = await releaseGeneration(records, {
    id,
    token,
    worker: context.workerId,
    kind: result.kind,
    message: result.message,
    upstream: result.upstream,
    // A brake keeps the place in line, so only a delay of this one generation is written to its record.
    delayMs: wait.brake ? 0 : wait.ms,
    waitReason: wait.reason,
    hold: holdOf(result.kind, model),
    firstProbeMs: settings.ACCOUNT_PROBE_MS,
    gaveUp: context.giveUp.aborted,
    breaker: { firstMs: settings.RETRY_BASE_MS, longestMs: settings.RETRY_MAX_MS },
    maxAttempts: settings.MAX_ATTEMPTS,
    maxUnknownCharges: settings.MAX_UNKNOWN_CHARGES,
  });
  // Not waited for: a restart that misses this line finds the attempt closed on its record.
  void journal
    .write({ event: 'settled', id, token })
    .catch((error: unknown) => logger.error({ err: error }, 'journal'));
  if (answer.outcome === 'gone') {
    const { charge } = OUTCOME_TABLE[result.kind];
    if (charge !== 'none') await journal.noteWithoutRecord({ id, token, charge });
    return { kind: 'finish', spent: true };
  }
  if (answer.lifted) await freeProbed(context.records);
  if (answer.status !== 'queued') {
    logger.info({ generation_id: id, status: answer.status, kind: result.kind }, 'generation settled without a song');
    return { kind: 'finish', spent: true };
  }
  if (answer.heldMs > 0 && result.kind === 'account') {
    logger.warn({ upstream: result.upstream, next_probe_ms: answer.heldMs }, 'account held');
    return { kind: 'brake', ms: answer.heldMs, reason: 'account', spent: true };
  }
  if (answer.openMs > 0)
    logger.warn({ next_probe_ms: answer.openMs }, 'the upstream is not reached; one probe at a time');
  if (result.kind === 'not_sent' && answer.openMs > 0) {
    return { kind: 'brake', ms: answer.openMs, reason: 'upstream', spent: true };
  }
  if (wait.brake) return { kind: 'brake', ms: wait.ms, reason: wait.reason, spent: true };
  return { kind: 'delay', ms: Math.max(answer.delayMs, 1), spent: true };
}

function holdOf(kind: OutcomeKind, model: string): string | null {
  if (kind === 'account') return 'account';
  return kind === 'model' ? `model:${model}` : null;
}

interface Wait {
  readonly ms: number;
  readonly reason: Blocker;
  /** The whole queue waits, not only this generation. */
  readonly brake: boolean;
}

function waitAfter(context: WorkerContext, result: Failure, counted: number): Wait {
  const { RETRY_BASE_MS, RETRY_MAX_MS, ACCOUNT_PROBE_MS } = context.settings;
  switch (result.kind) {
    case 'rate_limited':
    case 'quota': {
      const ms = limitWaitMs(result.kind, result.upstream?.code ?? null, result.retryAfterMs, RETRY_BASE_MS);
      return { ms, reason: result.kind === 'quota' ? 'quota' : 'rate_limit', brake: true };
    }
    case 'not_sent':
      // Nothing was sent, so it keeps its place; after a few in a row the breaker says how long all wait.
      return { ms: RETRY_BASE_MS / 2, reason: 'upstream', brake: true };
    case 'account':
      return { ms: ACCOUNT_PROBE_MS, reason: 'account', brake: true };
    case 'model':
      // The hold says when it is probed, which may be sooner.
      return { ms: RETRY_BASE_MS, reason: 'model', brake: false };
    default:
      return { ms: backoffMs(counted, RETRY_BASE_MS, RETRY_MAX_MS), reason: 'backoff', brake: false };
  }
}
