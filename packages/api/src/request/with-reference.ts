import type { Reference } from '@songmill/shared/contract/reference';
import { isId } from '@songmill/shared/runtime/ids';
import { readReference } from '@songmill/shared/runtime/records/references';
import type { ApiContext, Call } from '../context.ts';
import { ProblemError } from '../errors.ts';

/** @throws ProblemError not_found: none, or another project's without the scope to read it */
export async function findReference(ctx: ApiContext, call: Call, reads: boolean): Promise<Reference> {
  const id = call.params['id'] ?? '';
  const reference = isId('ref', id) ? await readReference(ctx.store, id) : null;
  const everywhere = reads && call.principal.scopes.has('operate');
  if (reference === null || (!everywhere && reference.project !== call.principal.project)) throw noSuchReference();
  return reference;
}

export function noSuchReference(): ProblemError {
  return new ProblemError('not_found', 'no such reference');
}

export function referenceUrl({ settings }: ApiContext, id: string): string {
  return `${settings.PUBLIC_URL?.replace(/\/$/, '') ?? ''}/v1/references/${id}`;
}
