import type { z } from 'zod';
import type { Call, Faults } from '../context.ts';
import { mediaTypeOf, readBody } from './body.ts';
import { parseJson } from './json.ts';

const LIMIT_BYTES = 65_536;

/**
 * A JSON body of a few fields, judged by its schema. Faults are added; null is answered if there is any.
 * @throws ProblemError when the body cannot be read at all
 */
export async function readSmallBody<Schema extends z.ZodType>(
  call: Call,
  schema: Schema,
  faults: Faults,
): Promise<z.output<Schema> | null> {
  mediaTypeOf(call, ['application/json']);
  const { value, faults: inner } = parseJson(await readBody(call, LIMIT_BYTES));
  faults.push(...inner);
  const parsed = schema.safeParse(value);
  for (const issue of parsed.error?.issues ?? []) {
    const pointer = pointerOf(issue.path);
    if (issue.code !== 'unrecognized_keys') {
      faults.push({ pointer, code: issue.code, message: issue.message });
      continue;
    }
    for (const key of issue.keys) {
      const at = pointerOf([...issue.path, key]);
      // What the parser refused already is told once.
      if (inner.some((fault) => fault.pointer === at)) continue;
      faults.push({ pointer: at, code: 'unknown_field', message: 'no such field' });
    }
  }
  return parsed.success && inner.length === 0 ? parsed.data : null;
}

/** RFC 6901. */
function pointerOf(path: readonly PropertyKey[]): string {
  return path.map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}
