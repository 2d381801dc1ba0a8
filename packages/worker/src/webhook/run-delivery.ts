import type { Dispatcher } from 'undici';
import { type ClaimedDelivery, claimDelivery, endDelivery, freezeBody } from '@songmill/shared/runtime/records/deliver';
import { fieldsOf, presentEvent } from '@songmill/shared/runtime/records/event-body';
import { newSecret } from '@songmill/shared/runtime/records/webhook-secret';
import type { Pointer } from '@songmill/shared/runtime/queues';
import type { WorkerContext } from '../queue/context.ts';
import { nextAttemptMs } from './delays.ts';
import { send } from './send.ts';
import { signedHeaders } from './sign.ts';

export interface DeliveryContext extends Pick<WorkerContext, 'settings' | 'logger' | 'records' | 'crashPoint'> {
  readonly dispatcher: Dispatcher;
  /** Milliseconds by which the clock runs ahead of Redis': tests tell five days in seconds. */
  readonly aheadMs: () => number;
  /** The process leaves and has broken off what was under way, which says nothing about receivers. */
  readonly leaves: () => boolean;
}

/**
 * One attempt of one delivery: claim → bytes → sign → send → write down. A process that dies after sending
 * leaves the attempt open; whoever picks it up sends the same bytes under the same id again.
 */
export async function runDelivery(context: DeliveryContext, pointer: Pointer): Promise<void> {
  const { settings, records, logger } = context;
  const aheadMs = context.aheadMs();
  const claimed = await claimDelivery(records, { pointer, newSecret: newSecret(), aheadMs });
  if (claimed === null) return;
  const body = claimed.body ?? (await freezeBody(records, claimed.event, bodyOf(context, claimed)));
  if (body === null) return;
  const schedule = settings.WEBHOOK_SCHEDULE_MS;
  const firstWaitMs = schedule[0] ?? 1000;
  const end = await send(context.dispatcher, {
    url: claimed.url,
    headers: signedHeaders(claimed.event, claimed.nowMs, body, claimed.secrets),
    body,
    timeoutMs: settings.WEBHOOK_TIMEOUT_MS,
    firstWaitMs,
  });
  if (end.outcome === 'failed' && context.leaves())
    throw new Error('the worker leaves; another one makes this attempt');
  await context.crashPoint('delivered', claimed.id);
  const after = await endDelivery(records, {
    ...end,
    id: claimed.id,
    number: claimed.number,
    startedMs: claimed.nowMs,
    againMs: nextAttemptMs(schedule, claimed.step, end.throttleMs),
    pauseMs: firstWaitMs,
    aheadMs,
  });
  logger.info(
    {
      ...{ delivery_id: claimed.id, event_id: claimed.event, type: claimed.type, attempt: claimed.number },
      ...{ status_code: end.statusCode, error: end.error, ms: Math.round(end.durationMs), status: after?.status },
    },
    'delivery',
  );
}

function bodyOf({ settings }: DeliveryContext, claimed: ClaimedDelivery): string {
  const event = { type: claimed.type, atMs: claimed.eventMs, subject: claimed.subject };
  const presentation = { publicUrl: settings.PUBLIC_URL ?? null, resultTtlDays: settings.RESULT_TTL_DAYS };
  return JSON.stringify(presentEvent(event, fieldsOf(claimed.snapshot), presentation));
}
