import type { AcceptedRequest } from '@songmill/shared/contract/generation-rules';
import { START_BY_PASSED } from '@songmill/shared/contract/generation-rules';
import { isSettled } from '@songmill/shared/contract/words';
import { newId } from '@songmill/shared/runtime/ids';
import { type AcceptAnswer, acceptGeneration, type Idempotency } from '@songmill/shared/runtime/records/accept';
import { readGeneration } from '@songmill/shared/runtime/records/read';
import type { GenerationRecord } from '@songmill/shared/runtime/records/types';
import { redisTrouble } from '@songmill/shared/runtime/redis-trouble';
import type { ApiContext, Call, Faults } from '../context.ts';
import { ClientGone, ProblemError, ValidationError } from '../errors.ts';
import { waitUntilSettled } from '../queue/settle-wait.ts';
import { sendJson } from './answer.ts';
import { asSent, readGenerationBody } from './generation-body.ts';
import { idempotencyKey, idempotencyOf, keyReused, REPLAYED } from './idempotency.ts';
import { preferenceApplied, waitSeconds } from './prefer.ts';
import { noQuery } from './query.ts';
import { newRecord } from './new-record.ts';
import { showAccepted } from './show-generation.ts';

/** `POST /v1/generations`: read, judge, record, answer, then hand the pointer to the queue. */
export async function createGeneration(ctx: ApiContext, call: Call): Promise<void> {
  const faults: Faults = [];
  const key = idempotencyKey(call, faults);
  noQuery(call, faults);
  const request = await readGenerationBody(ctx, call, faults);
  if (request === null || faults.length > 0) throw new ValidationError(faults);

  const accepted = await accept(ctx, call, request, idempotencyOf(call, key, request));
  const seconds = waitSeconds(call.req.headers.prefer);
  if (seconds === null) answer(ctx, call, accepted.record, accepted.replayed, null);
  // A caller that waits must not keep its own song waiting.
  ctx.pointers.add(accepted.pointer);
  if (seconds === null) return;
  const record = await settled(ctx, call, accepted.record, seconds);
  answer(ctx, call, record, accepted.replayed, seconds);
}

/** Why a reference or id may not be named. */
export const NAMED_FAULTS = {
  unknown_reference: 'no such reference',
  wrong_purpose: 'the reference was uploaded for another purpose and gives no such id',
  foreign_id: 'this id was obtained for another project',
} as const;

interface Accepted {
  readonly record: GenerationRecord;
  readonly pointer: Extract<AcceptAnswer, { outcome: 'accepted' }>['pointer'];
  readonly replayed: boolean;
}

async function accept(
  ctx: ApiContext,
  call: Call,
  asked: AcceptedRequest,
  idempotency: Idempotency | null,
): Promise<Accepted> {
  const { store, settings } = ctx;
  const id = newId('gen');
  const price = settings.models[asked.model]?.price;
  const request = price ? { ...asked, price } : asked;
  const outcome = await acceptGeneration(store, {
    id,
    project: call.principal.project,
    request,
    policy: request.on_unknown_charge ?? settings.ON_UNKNOWN_CHARGE,
    idempotency,
    maxWaiting: settings.MAX_WAITING,
  });
  switch (outcome.outcome) {
    case 'accepted': {
      const { ordinal, status } = outcome;
      const made = newRecord({ id, project: call.principal.project, request, status, ordinal });
      // A reference that is settled already has left its id in the request, or has failed it.
      const names = request.voice_reference !== undefined || request.instrumental_reference !== undefined;
      const record = names ? ((await readGeneration(store, id)) ?? made) : made;
      return { record, pointer: outcome.pointer, replayed: false };
    }
    case 'refused':
      throw new ValidationError(
        outcome.faults.map((fault) => asSent(call, { ...fault, message: NAMED_FAULTS[fault.code] })),
      );
    case 'replayed': {
      const record = await readGeneration(store, outcome.id);
      if (record === null) throw new ProblemError('gone', `${outcome.id} was made with this key and deleted since`);
      return { record, pointer: null, replayed: true };
    }
    case 'key_reused':
      throw keyReused();
    case 'late':
      throw new ValidationError([asSent(call, START_BY_PASSED)]);
    case 'queue_full':
      throw new ProblemError('queue_full', `${settings.MAX_WAITING} generations wait already`, {
        headers: { 'Retry-After': '30' },
      });
  }
}

/** What was recorded is answered with a 2xx even if Redis goes away while we wait. */
async function settled(
  ctx: ApiContext,
  call: Call,
  known: GenerationRecord,
  seconds: number,
): Promise<GenerationRecord> {
  try {
    return (await waitUntilSettled(ctx, known.id, seconds, call.res)) ?? known;
  } catch (error) {
    if (error instanceof ClientGone || redisTrouble(error) === null) throw error;
    return known;
  }
}

function answer(ctx: ApiContext, call: Call, record: GenerationRecord, replayed: boolean, waited: number | null): void {
  const generation = showAccepted(ctx, record);
  const status = waited !== null && isSettled(record.status) ? 200 : 202;
  sendJson(call, status, generation, {
    Location: generation.links.self,
    ...preferenceApplied(waited),
    ...(replayed ? REPLAYED : {}),
  });
}
