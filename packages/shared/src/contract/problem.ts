import { z } from 'zod';
import type { ProblemCode } from './words.ts';

/** One fault of the input: where it is and what is wrong. Exactly one place is named. */
export const inputFaultSchema = z
  .object({
    pointer: z.string().optional().meta({ description: 'RFC 6901 pointer into the body' }),
    parameter: z.string().optional().meta({ description: 'query parameter' }),
    header: z.string().optional(),
    field: z.string().optional().meta({ description: 'multipart field' }),
    line: z.number().int().optional().meta({ description: 'of a file of many items, from 1' }),
    column: z.number().int().nullable().optional().meta({ description: 'CSV: the column; broken JSON: the character' }),
    code: z.string(),
    message: z.string(),
  })
  .meta({ id: 'InputFault' });
export type InputFault = z.output<typeof inputFaultSchema>;

/** RFC 9457 `application/problem+json`, with what Songmill adds. */
export const problemSchema = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.number().int(),
    detail: z.string(),
    instance: z.string(),
    code: z.string().meta({ description: 'treat an unknown code by its HTTP class' }),
    request_id: z.string(),
    errors: z.array(inputFaultSchema).optional(),
    error_count: z
      .number()
      .int()
      .optional()
      .meta({ description: 'of a batch: all faults, of which `errors` has the first' }),
    truncated: z.boolean().optional(),
    required_scope: z.string().optional(),
  })
  .meta({ id: 'Problem' });
export type Problem = z.output<typeof problemSchema> & { code: ProblemCode | (string & {}) };
