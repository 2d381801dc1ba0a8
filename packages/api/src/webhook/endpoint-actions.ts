import { recoverRequestSchema, rotateRequestSchema } from '@songmill/shared/contract/webhook';
import { recoverDeliveries } from '@songmill/shared/runtime/records/deliver-again';
import { readDelivery } from '@songmill/shared/runtime/records/delivery-list';
import { oweEvent } from '@songmill/shared/runtime/records/owe';
import { newSecret, readSecret, rotateSecret } from '@songmill/shared/runtime/records/webhook-secret';
import type { ApiContext, Call } from '../context.ts';
import { ProblemError, ValidationError } from '../errors.ts';
import { emptyBodySchema } from '../request/action-bodies.ts';
import { sendJson } from '../request/answer.ts';
import { REPLAYED } from '../request/idempotency.ts';
import { noQuery } from '../request/query.ts';
import { readAction } from '../request/read-action.ts';
import { findEndpoint, noSuchEndpoint } from './find.ts';
import { operationOf } from './operation.ts';

const HOUR_MS = 3_600_000;

/** `POST /v1/webhook-endpoints/{id}/rotate-secret`: the new secret, this once; a replay shows the record without it. */
export async function rotateEndpointSecret(ctx: ApiContext, call: Call): Promise<void> {
  const endpoint = await findEndpoint(ctx, call, false);
  const { body, key } = await readAction(call, rotateRequestSchema);
  const owner = { endpoint: endpoint.id, project: endpoint.project };
  const overlapMs = body.overlap_hours * HOUR_MS;
  const [operation, fresh] = [operationOf(call, key, body), newSecret()];
  const secret = await rotateSecret(ctx.store, { owner, overlapMs, operation, fresh });
  if (secret === null) throw noSuchEndpoint();
  if (secret === fresh) sendJson(call, 200, { ...endpoint, secret });
  else sendJson(call, 200, endpoint, REPLAYED);
}

/** `POST /v1/webhook-endpoints/{id}/test`: a `ping`, sent like any other event. */
export async function testEndpoint(ctx: ApiContext, call: Call): Promise<void> {
  const endpoint = await findEndpoint(ctx, call, false);
  const { body, key } = await readAction(call, emptyBodySchema);
  if (!endpoint.enabled) throw new ProblemError('conflict', 'the endpoint is disabled; enable it first');
  const delivery = await oweEvent(ctx.store, {
    ...{ type: 'ping', subject: endpoint.id, project: endpoint.project, endpoint: endpoint.id },
    name: operationOf(call, key, body),
    data: { endpoint_id: endpoint.id },
  });
  const owed = delivery === null ? null : await readDelivery(ctx.store, delivery);
  if (owed === null) throw noSuchEndpoint();
  sendJson(call, 202, owed);
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

/** `POST /v1/webhook-secret/rotate`. */
export async function rotateWebhookSecret(ctx: ApiContext, call: Call): Promise<void> {
  const { body, key } = await readAction(call, rotateRequestSchema);
  const { project } = call.principal;
  // The first one is made before it is rotated, so that whoever was told it may go on with it.
  await readSecret(ctx.store, project);
  const overlapMs = body.overlap_hours * HOUR_MS;
  const [operation, fresh] = [operationOf(call, key, body), newSecret()];
  const secret = await rotateSecret(ctx.store, { owner: { project }, overlapMs, operation, fresh });
  sendJson(call, 200, { secret }, secret === fresh ? {} : REPLAYED);
}
