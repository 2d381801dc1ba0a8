import { newToken } from '@songmill/shared/runtime/ids';
import { freeProbed } from '@songmill/shared/runtime/records/brake';
import { claimUpload, settleUpload } from '@songmill/shared/runtime/records/uploads';
import type { Pointer } from '@songmill/shared/runtime/queues';
import type { Uploader, UploadResult } from '../upstream/upload.ts';
import { backoffMs, limitWaitMs } from './backoff.ts';
import type { WorkerContext } from './context.ts';
import { tellWaiters } from './reference-repairs.ts';

type Claimed = Extract<Awaited<ReturnType<typeof claimUpload>>, { outcome: 'claimed' }>;

/**
 * One pick-up of one reference: claim → upload → write down what came of it.
 *
 * @returns after how many milliseconds it is to be picked up again; null when it needs no pointer more
 */
export async function runUpload(context: WorkerContext, uploader: Uploader, pointer: Pointer): Promise<number | null> {
  const { settings, records, workerId, logger } = context;
  const { id } = pointer;
  const token = newToken();
  const claim = await claimUpload(records, {
    id,
    run: pointer.run,
    token,
    worker: workerId,
    leaseMs: settings.WORKER_LEASE_MS,
    longestCallMs: settings.UPSTREAM_UPLOAD_TIMEOUT_MS,
    maxAttempts: settings.MAX_ATTEMPTS,
  });
  if (claim.outcome !== 'claimed') return 'ms' in claim ? claim.ms : null;
  const result = await uploadFile(context, uploader, claim);
  const end = result.kind === 'uploaded' ? result : { ...result, delayMs: waitAfter(context, result, claim.counted) };
  const answer = await settleUpload(records, {
    id,
    token,
    end,
    firstProbeMs: settings.ACCOUNT_PROBE_MS,
    maxAttempts: settings.MAX_ATTEMPTS,
  });
  if (answer.outcome === 'gone') return null;
  if (answer.lifted) await freeProbed(records);
  const { status, delayMs } = answer;
  logger.info({ reference_id: id, token, kind: result.kind, status }, 'upload ended');
  if (status !== 'queued') {
    await tellWaiters(context, id);
    return null;
  }
  return Math.max(delayMs, 1);
}

/** A file that is not there, or cannot be read now, is a failure like any other: counted and tried again. */
async function uploadFile(
  { storage, giveUp, logger }: WorkerContext,
  uploader: Uploader,
  { key, bytes, filename, purpose }: Claimed,
): Promise<UploadResult> {
  const fault = (message: string): UploadResult => ({
    kind: 'stated_failure',
    message,
    upstream: { http_status: null, code: null, message: null, trace_id: null },
    retryAfterMs: null,
  });
  try {
    const found = await storage.open(key);
    if (found === null || found.bytes !== bytes) return fault('the uploaded file is not in storage any more');
    const format = key.endsWith('.wav') ? 'wav' : 'mp3';
    return await uploader.upload({ purpose, filename, format, file: found.stream, bytes, signal: giveUp });
  } catch (error) {
    logger.warn({ err: error }, 'a reference could not be read');
    return fault('the uploaded file could not be read from storage');
  }
}

function waitAfter({ settings }: WorkerContext, result: Exclude<UploadResult, { kind: 'uploaded' }>, counted: number) {
  const { RETRY_BASE_MS, RETRY_MAX_MS } = settings;
  switch (result.kind) {
    case 'rate_limited':
    case 'quota':
      return limitWaitMs(result.kind, result.upstream.code, result.retryAfterMs, RETRY_BASE_MS);
    case 'account':
      // The hold says when it is probed, which may be sooner.
      return RETRY_BASE_MS;
    default:
      return Math.max(backoffMs(counted, RETRY_BASE_MS, RETRY_MAX_MS), RETRY_BASE_MS / 2);
  }
}
