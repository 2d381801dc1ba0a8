import { recoverRequestSchema, rotateRequestSchema } from '@songmill/shared/contract/webhook';
import { newToken } from '@songmill/shared/runtime/ids';
import { recoverDeliveries } from '@songmill/shared/runtime/records/deliver-again';
import { readDelivery } from '@songmill/shared/runtime/records/delivery-list';
import { oweEvent } from '@songmill/shared/runtime/records/owe';
import { newSecret, readSecret, rotateSecret } from '@songmill/shared/runtime/records/webhook-secret';
import type { ApiContext, Call } from '../context.ts';
import { ProblemError, ValidationError } from '../errors.ts';
import { emptyBodySchema } from '../request/action-bodies.ts';
import { sendJson } from '../request/answer.ts';
import { idempotencyOf, keyReused, REPLAYED } from '../request/idempotency.ts';
import { noQuery } from '../request/query.ts';
import { readAction } from '../request/read-action.ts';
import { findEndpoint, noSuchDelivery, noSuchEndpoint } from './find.ts';

const HOUR_MS = 3_600_000;

/** `POST /v1/webhook-endpoints/{id}/rotate-secret`: the new secret, this once; a replay shows the record without it. */
export async function rotateEndpointSecret(ctx: ApiContext, call: Call): Promise<void> {
  const endpoint = await findEndpoint(ctx, call, false);
  const { body, key } = await readAction(call, rotateRequestSchema);
  const owner = { endpoint: endpoint.id, project: endpoint.project };
  const overlapMs = body.overlap_hours * HOUR_MS;
  const [idempotency, secret] = [idempotencyOf(call, key, body), newSecret()];
  const outcome = await rotateSecret(ctx.store, { owner, overlapMs, idempotency, fresh: secret });
  if (outcome === 'missing') throw noSuchEndpoint();
  if (outcome === 'key_reused') throw keyReused();
  if (outcome === 'rotated') sendJson(call, 200, { ...endpoint, secret });
  else sendJson(call, 200, endpoint, REPLAYED);
}

/** `POST /v1/webhook-endpoints/{id}/test`: a `ping`, sent like any other event. */
export async function testEndpoint(ctx: ApiContext, call: Call): Promise<void> {
  const endpoint = await findEndpoint(ctx, call, false);
  const { body, key } = await readAction(call, emptyBodySchema);
  const ping = await oweEvent(ctx.store, {
    ...{ type: 'ping', subject: endpoint.id, project: endpoint.project, endpoint: endpoint.id },
    ...{ name: newToken(), data: { endpoint_id: endpoint.id } },
    idempotency: idempotencyOf(call, key, body),
  });
  if (ping.outcome === 'key_reused') throw keyReused();
  if (ping.outcome === 'disabled') throw new ProblemError('conflict', 'the endpoint is disabled; enable it first');
  if (!('delivery' in ping) || ping.delivery === null) throw noSuchEndpoint();
  const owed = await readDelivery(ctx.store, ping.delivery);
  if (owed === null) throw noSuchDelivery();
  sendJson(call, 202, owed, ping.outcome === 'replayed' ? REPLAYED : {});
}

/** `POST /v1/webhook-endpoints/{id}/recover`: sends again what failed in a span of time, or only says how much. */
export async function recoverEndpoint(ctx: ApiContext, call: Call): Promise<void> {
  const endpoint = await findEndpoint(ctx, call, false);
  const { body } = await readAction(call, recoverRequestSchema);
  const sinceMs = Date.parse(body.since);
  const untilMs = body.until === null ? Date.now() : Date.parse(body.until);
  if (untilMs < sinceMs) {
    throw new ValidationError([{ pointer: '/until', code: 'before_since', message: 'must not be before since' }]);
  }
  if (!endpoint.enabled && !body.dry_run) {
    throw new ProblemError('conflict', 'the endpoint is disabled; enable it first');
  }
  const span = { endpoint: endpoint.id, sinceMs, untilMs, dryRun: body.dry_run };
  sendJson(call, 202, { matched: await recoverDeliveries(ctx.store, span) });
}

/** `GET /v1/webhook-secret`: what signs deliveries to URLs that requests name. */
export async function getWebhookSecret(ctx: ApiContext, call: Call): Promise<void> {
  const faults: ConstructorParameters<typeof ValidationError>[0][number][] = [];
  noQuery(call, faults);
  if (faults.length > 0) throw new ValidationError(faults);
  sendJson(call, 200, { secret: await readSecret(ctx.store, call.principal.project) });
}

/** `POST /v1/webhook-secret/rotate`: the secret as it is now, which is also what a replay answers. */
export async function rotateWebhookSecret(ctx: ApiContext, call: Call): Promise<void> {
  const { body, key } = await readAction(call, rotateRequestSchema);
  const { project } = call.principal;
  // The first one is made before it is rotated, so that whoever was told it may go on with it.
  await readSecret(ctx.store, project);
  const overlapMs = body.overlap_hours * HOUR_MS;
  const [idempotency, fresh] = [idempotencyOf(call, key, body), newSecret()];
  const outcome = await rotateSecret(ctx.store, { owner: { project }, overlapMs, idempotency, fresh });
  if (outcome === 'key_reused') throw keyReused();
  if (outcome === 'rotated') sendJson(call, 200, { secret: fresh });
  else sendJson(call, 200, { secret: await readSecret(ctx.store, project) }, REPLAYED);
}
