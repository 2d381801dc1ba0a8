import type { z } from 'zod';
import type { Call, Faults } from '../context.ts';
import { ValidationError } from '../errors.ts';
import { hasBody } from './body.ts';
import { idempotencyKey } from './idempotency.ts';
import { noQuery } from './query.ts';
import { readSmallBody } from './small-body.ts';

export interface ActionInput<Body> {
  readonly body: Body;
  /** The Idempotency-Key as sent. */
  readonly key: string | null;
}

/**
 * Reads what came with an action: its key, no query, and its small body, which may be left out when
 * an empty object would do. Every fault is told at once.
 *
 * @throws ValidationError
 */
export async function readAction<Schema extends z.ZodType>(
  call: Call,
  schema: Schema,
): Promise<ActionInput<z.output<Schema>>> {
  const faults: Faults = [];
  const key = idempotencyKey(call, faults);
  noQuery(call, faults);
  const without = hasBody(call) ? null : schema.safeParse({});
  const body = without?.success ? without.data : await readSmallBody(call, schema, faults);
  if (body === null || faults.length > 0) throw new ValidationError(faults);
  return { body, key };
}
