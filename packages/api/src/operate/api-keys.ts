import { type ApiKey, apiKeyRequestSchema } from '@songmill/shared/contract/api-key';
import { isId, newId, newToken } from '@songmill/shared/runtime/ids';
import {
  createApiKey as storeApiKey,
  listApiKeys as listStored,
  readApiKey,
  revokeApiKey as revokeStored,
  type StoredApiKey,
} from '@songmill/shared/runtime/records/api-keys';
import { rfc3339 } from '@songmill/shared/runtime/records/present';
import { z } from 'zod';
import type { ApiContext, Call, Faults } from '../context.ts';
import { ProblemError, ValidationError } from '../errors.ts';
import { emptyBodySchema } from '../request/action-bodies.ts';
import { sendEmpty, sendJson } from '../request/answer.ts';
import { digest } from '../request/auth.ts';
import { readCursor, writeCursor } from '../request/cursor.ts';
import { idempotencyOf, keyReused, REPLAYED } from '../request/idempotency.ts';
import { afterSchema, limitSchema } from '../request/list-query.ts';
import { parseQuery } from '../request/query.ts';
import { readAction } from '../request/read-action.ts';
import { newApiKey } from './new-api-key.ts';

export const apiKeyQuerySchema = z.strictObject({ limit: limitSchema, after: afterSchema });

/** `POST /v1/api-keys`. The key is in this answer and nowhere else; a replay shows the record without it. */
export async function createApiKey(ctx: ApiContext, call: Call): Promise<void> {
  const { body, key: sent } = await readAction(call, apiKeyRequestSchema);
  const key = newApiKey();
  const id = newId('key');
  const expiresMs = body.expires_at === null ? null : Date.parse(body.expires_at);
  const answer = await storeApiKey(ctx.store, {
    ...{ id, name: body.name, project: body.project, scopes: body.scopes, expiresMs },
    ...{ sha256: digest(key).toString('hex'), last4: key.slice(-4), idempotency: idempotencyOf(call, sent, body) },
  });
  if (answer.outcome === 'key_reused') throw keyReused();
  if (answer.outcome === 'not_first') throw new TypeError('only the bootstrap key asks to be the first');
  const stored = await readApiKey(ctx.store, answer.outcome === 'replayed' ? answer.id : id);
  if (stored === null) throw new ProblemError('gone', 'the key was made and revoked since');
  if (answer.outcome === 'replayed') sendJson(call, 201, show(stored), REPLAYED);
  else sendJson(call, 201, { ...show(stored), key });
}

/** `GET /v1/api-keys`: every key of every project, newest first, never the keys themselves. */
export async function listApiKeys(ctx: ApiContext, call: Call): Promise<void> {
  const faults: Faults = [];
  const query = parseQuery(apiKeyQuerySchema, call.rawQuery, faults);
  if (query === null) throw new ValidationError(faults);
  const after = query.after === undefined ? null : readCursor('api-keys', query.after);
  if (query.after !== undefined && (typeof after !== 'string' || !isId('key', after))) {
    throw new ValidationError([{ parameter: 'after', code: 'invalid_cursor', message: 'no cursor of this list' }]);
  }
  const page = await listStored(ctx.store, { limit: query.limit, after: after as string | null });
  const next = page.next === null ? null : writeCursor('api-keys', page.next);
  sendJson(call, 200, { data: page.keys.map(show), has_more: next !== null, next_cursor: next });
}

/** `DELETE /v1/api-keys/{id}`: the next request with it is refused. */
export async function revokeApiKey(ctx: ApiContext, call: Call): Promise<void> {
  await readAction(call, emptyBodySchema);
  const id = call.params['id'] ?? '';
  const outcome = isId('key', id) ? await revokeStored(ctx.store, id, newToken()) : 'missing';
  if (outcome === 'missing') throw new ProblemError('not_found', 'no such API key');
  sendEmpty(call, 204);
}

function show(key: StoredApiKey): ApiKey {
  return {
    id: key.id,
    object: 'api_key',
    name: key.name,
    project: key.project,
    scopes: [...key.scopes],
    created_at: rfc3339(key.createdMs),
    expires_at: key.expiresMs === null ? null : rfc3339(key.expiresMs),
    last_used_at: key.lastUsedMs === null ? null : rfc3339(key.lastUsedMs),
    last4: key.last4,
  };
}
