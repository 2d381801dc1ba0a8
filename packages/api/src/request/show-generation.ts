import type { Generation } from '@songmill/shared/contract/generation';
import type { Presentation } from '@songmill/shared/runtime/records/event-body';
import { presentGeneration } from '@songmill/shared/runtime/records/present';
import type { GenerationRecord } from '@songmill/shared/runtime/records/types';
import { waitInfo } from '@songmill/shared/runtime/records/wait-info';
import type { ApiContext } from '../context.ts';

/** A place in line of which nothing is known yet: numbers that are not known are null. */
const SOMEWHERE = { position: null, eta_seconds: null, blocked_by: null, blocked_until: null, reason: null };

/** The record as answers show it, with its place in line. */
export async function showGeneration(ctx: ApiContext, record: GenerationRecord): Promise<Generation> {
  const queue = await waitInfo(ctx.store, record, ctx.settings.WORKER_LEASE_MS);
  return presentGeneration(record, { ...presentation(ctx), queue });
}

/** The record just accepted. Its place is not asked for: it would cost a round trip and be old on arrival. */
export function showAccepted(ctx: ApiContext, record: GenerationRecord): Generation {
  const waits = record.status === 'queued' || record.status === 'scheduled';
  return presentGeneration(record, { ...presentation(ctx), queue: waits ? SOMEWHERE : null });
}

/** What the settings have to do with how records are shown. */
export function presentation({ settings }: Pick<ApiContext, 'settings'>): Presentation {
  return { publicUrl: settings.PUBLIC_URL ?? null, resultTtlDays: settings.RESULT_TTL_DAYS };
}

/** Seconds after which asking again may show something new: 1 to 30. */
export function retryAfterSeconds(generation: Generation, now: number): number {
  const { queue } = generation;
  if (queue === null) return 5;
  const blocked = queue.blocked_until === null ? 0 : (Date.parse(queue.blocked_until) - now) / 1000;
  const guess = queue.eta_seconds ?? Math.max(blocked, queue.position ?? 2);
  return Math.min(30, Math.max(1, Math.ceil(guess)));
}
