import type { WebhookDelivery, WebhookEndpoint } from '@songmill/shared/contract/webhook';
import { isId } from '@songmill/shared/runtime/ids';
import { readDelivery } from '@songmill/shared/runtime/records/delivery-list';
import { readEndpoint } from '@songmill/shared/runtime/records/endpoints';
import type { ApiContext, Call } from '../context.ts';
import { ProblemError } from '../errors.ts';

/** @throws ProblemError not_found: none, or another project's without the scope to read it */
export async function findEndpoint(ctx: ApiContext, call: Call, reads: boolean): Promise<WebhookEndpoint> {
  const id = call.params['id'] ?? '';
  const endpoint = isId('whe', id) ? await readEndpoint(ctx.store, id) : null;
  if (endpoint === null || !mayHave(call, endpoint.project, reads)) throw noSuchEndpoint();
  return endpoint;
}

export function noSuchEndpoint(): ProblemError {
  return new ProblemError('not_found', 'no such webhook endpoint');
}

/** What a receiver answered is for the owner only. @throws ProblemError not_found, as for endpoints */
export async function findDelivery(ctx: ApiContext, call: Call, reads: boolean): Promise<WebhookDelivery> {
  const id = call.params['id'] ?? '';
  const delivery = isId('dlv', id) ? await readDelivery(ctx.store, id) : null;
  if (delivery === null || !mayHave(call, delivery.project, reads)) throw noSuchDelivery();
  return forReader(call, delivery);
}

export function noSuchDelivery(): ProblemError {
  return new ProblemError('not_found', 'no such webhook delivery');
}

export function forReader(call: Call, delivery: WebhookDelivery): WebhookDelivery {
  return delivery.project === call.principal.project ? delivery : { ...delivery, last_answer: null };
}

function mayHave({ principal }: Call, project: string, reads: boolean): boolean {
  return project === principal.project || (reads && principal.scopes.has('operate'));
}
