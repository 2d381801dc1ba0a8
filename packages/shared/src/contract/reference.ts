import { z } from 'zod';
import { upstreamAnswerSchema } from './generation.ts';
import { GENERATION_ERROR_CODES } from './words.ts';

/** What a reference is made of: `song` gives both ids, the others one each. */
export const PURPOSES = ['song', 'voice', 'instrumental'] as const;
export type Purpose = (typeof PURPOSES)[number];

export const REFERENCE_STATUSES = ['queued', 'processing', 'succeeded', 'failed'] as const;
export type ReferenceStatus = (typeof REFERENCE_STATUSES)[number];

/** The upstream takes what is longer than the first and at most as long as the second, in milliseconds. */
export const REFERENCE_LONGER_THAN_MS = 10_000;
export const REFERENCE_AT_MOST_MS = 600_000;

const time = z.string().meta({ description: 'RFC 3339, UTC, milliseconds' });

export const referenceSchema = z
  .object({
    id: z.string(),
    object: z.literal('reference'),
    project: z.string(),
    status: z.enum(REFERENCE_STATUSES),
    purpose: z.enum(PURPOSES),
    filename: z.string(),
    voice_id: z.string().nullable().meta({ description: 'what `refer_voice` takes' }),
    instrumental_id: z.string().nullable().meta({ description: 'what `refer_instrumental` takes' }),
    bytes: z.number().int(),
    duration_ms: z.number().int(),
    sha256: z.string(),
    error: z
      .object({
        code: z.enum(GENERATION_ERROR_CODES),
        message: z.string(),
        retryable: z.boolean(),
        upstream: upstreamAnswerSchema.nullable(),
      })
      .nullable(),
    created_at: time,
    finished_at: time.nullable(),
  })
  .meta({ id: 'Reference' });

/** An uploaded voice or instrumental, as every answer shows it. */
export type Reference = z.output<typeof referenceSchema>;
