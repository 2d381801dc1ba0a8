import { z } from 'zod';
import { BITRATES, FORMATS, SAMPLE_RATES } from './models.ts';
import {
  BLOCKERS,
  CHARGES,
  GENERATION_ERROR_CODES,
  OUTCOMES,
  PRIORITIES,
  STATUSES,
  UNKNOWN_CHARGE_POLICIES,
} from './words.ts';
import { requestWebhookSchema } from './webhook.ts';

const time = z.string().meta({ description: 'RFC 3339, UTC, milliseconds', examples: ['2026-01-31T12:00:00.000Z'] });

/** Sound options; what is left out is the upstream's choice. */
export const audioSettingSchema = z
  .strictObject({
    sample_rate: z.literal(SAMPLE_RATES).optional(),
    bitrate: z.literal(BITRATES).optional(),
    format: z.enum(FORMATS).optional(),
  })
  .meta({ id: 'AudioSetting', description: 'Sound options; what is left out is the upstream’s choice' });

const moment = z.iso
  .datetime({ offset: true, error: 'RFC 3339 with a time zone: 2026-01-31T12:00:00Z' })
  .nullable()
  .default(null);

const pairs = z
  .record(z.string().min(1).max(64), z.string().max(512))
  .refine((object) => Object.keys(object).length <= 16, 'at most 16 pairs');

/**
 * The body of `POST /v1/generations`, field by field. What concerns several fields or the text of
 * the lyrics is judged by `validateGeneration` (generation-rules.ts), which callers use.
 */
export const generationRequestSchema = z
  .strictObject({
    lyrics: z.string().default(''),
    prompt: z.string().default('').meta({ description: 'what the music is like; for models from music-1.5 on' }),
    refer_voice: z.string().max(256).default(''),
    refer_instrumental: z.string().max(256).default(''),
    voice_reference: z.string().max(256).optional().meta({
      description: 'id of a reference of yours instead of `refer_voice`; waited for',
    }),
    instrumental_reference: z.string().max(256).optional().meta({
      description: 'id of a reference of yours instead of `refer_instrumental`; waited for',
    }),
    model: z.string().min(1).max(64).optional(),
    audio_setting: audioSettingSchema.default({}),
    custom_id: z
      .string()
      .regex(/^[^\p{Cc}\p{Cs}\p{Zl}\p{Zp}]{1,128}$/u, '1 to 128 printable characters')
      .nullable()
      .default(null),
    metadata: pairs.default({}),
    priority: z.enum(PRIORITIES).default('normal'),
    on_unknown_charge: z.enum(UNKNOWN_CHARGE_POLICIES).nullable().default(null),
    run_at: moment.meta({ description: 'not before this time, at most 366 days ahead; the past means now' }),
    start_by: moment.meta({ description: 'canceled as `expired` if its first call did not start by then' }),
    webhook: requestWebhookSchema
      .nullable()
      .optional()
      .meta({ description: 'a URL that is told what becomes of it, besides the endpoints of the project' }),
  })
  .meta({ id: 'GenerationRequest' });

export type GenerationRequest = z.output<typeof generationRequestSchema>;
export type GenerationInput = z.input<typeof generationRequestSchema>;

/** What the upstream said of one attempt. */
export const upstreamAnswerSchema = z
  .object({
    http_status: z.number().int().nullable(),
    code: z.number().int().nullable(),
    message: z.string().nullable(),
    trace_id: z.string().nullable(),
  })
  .meta({ id: 'UpstreamAnswer' });
export type UpstreamAnswer = z.output<typeof upstreamAnswerSchema>;

export const attemptSchema = z
  .object({
    number: z.number().int(),
    run: z.number().int(),
    worker: z.string(),
    started_at: time,
    finished_at: time.nullable(),
    outcome: z.enum(OUTCOMES).nullable().meta({ description: 'null while the call is open' }),
    charge: z.enum(CHARGES).nullable().meta({ description: 'null while the call is open' }),
    upstream: upstreamAnswerSchema.nullable(),
  })
  .meta({ id: 'Attempt' });
export type Attempt = z.output<typeof attemptSchema>;

export const KINDS = ['song', 'a_cappella', 'instrumental'] as const;

export const generationSchema = z
  .object({
    id: z.string(),
    object: z.literal('generation'),
    project: z.string(),
    status: z.enum(STATUSES),
    sequence: z.number().int(),
    run: z.number().int(),
    created_at: time,
    started_at: time.nullable(),
    finished_at: time.nullable(),
    expires_at: time.nullable(),
    request: z.object({
      model: z.string(),
      lyrics: z.string(),
      prompt: z.string().nullable(),
      refer_voice: z.string().nullable(),
      refer_instrumental: z.string().nullable(),
      voice_reference: z.string().nullable(),
      instrumental_reference: z.string().nullable(),
      audio_setting: z.object({
        sample_rate: z.number().int().optional(),
        bitrate: z.number().int().optional(),
        format: z.enum(FORMATS).optional(),
      }),
      on_unknown_charge: z.enum(UNKNOWN_CHARGE_POLICIES).nullable(),
    }),
    custom_id: z.string().nullable(),
    batch_id: z.string().nullable(),
    batch_index: z.number().int().nullable(),
    metadata: z.record(z.string(), z.string()),
    priority: z.enum(PRIORITIES),
    run_at: time.nullable(),
    start_by: time.nullable(),
    webhook: z
      .object({ url: z.string(), events: z.array(z.string()) })
      .nullable()
      .meta({ description: 'the URL of its own that is told' }),
    queue: z
      .object({
        position: z.number().int().nullable(),
        eta_seconds: z.number().nullable(),
        blocked_by: z.enum(BLOCKERS).nullable(),
        blocked_until: time.nullable(),
        reason: z.string().nullable(),
      })
      .nullable()
      .meta({ description: 'only while waiting' }),
    attempts: z.array(attemptSchema).meta({ description: 'the last 50, and every one with a charge' }),
    attempts_total: z.number().int(),
    result: z
      .object({
        audio_url: z.string(),
        kind: z.enum(KINDS),
        format: z.enum(FORMATS),
        bytes: z.number().int(),
        duration_ms: z.number().int(),
        sha256: z.string(),
        trace_id: z.string().nullable(),
      })
      .nullable(),
    cost: z.object({
      currency: z.string().nullable(),
      estimated: z.string().nullable(),
      charged: z.string().nullable(),
      unknown: z.string().nullable(),
    }),
    error: z
      .object({
        code: z.enum(GENERATION_ERROR_CODES),
        message: z.string(),
        retryable: z.boolean(),
        upstream: upstreamAnswerSchema.nullable(),
      })
      .nullable(),
    links: z.object({ self: z.string(), cancel: z.string(), audio: z.string(), events: z.string() }),
  })
  .meta({ id: 'Generation' });

/** One song asked for, as every answer shows it. */
export type Generation = z.output<typeof generationSchema>;
