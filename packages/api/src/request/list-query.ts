import { GENERATION_ERROR_CODES, STATUSES } from '@songmill/shared/contract/words';
import { isId } from '@songmill/shared/runtime/ids';
import { z } from 'zod';

const time = z.iso.datetime({ offset: true, error: 'an RFC 3339 time, such as 2026-01-31T12:00:00Z' });

export const limitSchema = z
  .string()
  .regex(/^([1-9]\d?|100)$/, 'a whole number from 1 to 100')
  .transform(Number)
  .default(20)
  .meta({ description: '1 to 100, by default 20' });

export const afterSchema = z
  .string()
  .max(512)
  .optional()
  .meta({ description: '`next_cursor` of the page before; bound to its filters' });

export const projectSchema = z
  .string()
  .regex(/^[A-Za-z0-9_-]{1,64}$/, 'the name of a project')
  .optional()
  .meta({ description: 'for keys with `operate`, which otherwise see every project' });

/** Filters of `GET /v1/generations`. Everything arrives as text. */
export const listQuerySchema = z.strictObject({
  status: z
    .string()
    .transform((text) => [...new Set(text.split(','))])
    .pipe(z.array(z.enum(STATUSES, { error: `one or more of ${STATUSES.join(', ')}` })))
    .optional()
    .meta({ description: 'one status or several, comma-separated' }),
  batch_id: z
    .string()
    .refine((text) => isId('bat', text), 'a batch id')
    .optional(),
  custom_id: z.string().min(1).max(256).optional(),
  error_code: z.enum(GENERATION_ERROR_CODES).optional(),
  model: z.string().max(64).optional(),
  created_after: time.optional().meta({ description: 'later than this time' }),
  created_before: time.optional().meta({ description: 'earlier than this time' }),
  project: projectSchema,
  limit: limitSchema,
  after: afterSchema,
});
export type ListQuery = z.output<typeof listQuerySchema>;
