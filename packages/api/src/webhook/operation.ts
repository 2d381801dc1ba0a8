import { newToken } from '@songmill/shared/runtime/ids';
import type { Call } from '../context.ts';
import { idempotencyOf } from '../request/idempotency.ts';

/** What makes an action this one and no other: the caller's Idempotency-Key with what it asks for, else chance. */
export function operationOf(call: Call, key: string | null, body: unknown): string {
  const idempotency = idempotencyOf(call, key, body);
  return idempotency === null ? newToken() : `${idempotency.key}.${idempotency.fingerprint}`;
}
