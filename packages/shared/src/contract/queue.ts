import { z } from 'zod';
import { QUEUES } from './words.ts';

const time = z.string().meta({ description: 'RFC 3339, UTC, milliseconds' });

/** Body of `POST /v1/queues/{name}/pause`. */
export const pauseRequestSchema = z
  .strictObject({
    reason: z
      .string()
      .min(1)
      .max(500)
      .nullable()
      .default(null)
      .meta({ description: 'why; shown to everybody whose songs wait for it' }),
  })
  .meta({ id: 'PauseRequest' });

const holdSchema = z
  .object({
    scope: z.enum(['account', 'model']),
    model: z.string().nullable().meta({ description: 'null when the whole account is held' }),
    code: z.string(),
    reason: z.string().meta({ description: "quotes the upstream's message" }),
    since: time,
    next_probe_at: time,
  })
  .meta({ id: 'Hold' });

const breakerSchema = z
  .object({
    state: z.enum(['closed', 'open']),
    failures: z.number().int().meta({ description: 'calls in a row that did not get through' }),
    reason: z.string().nullable(),
    since: time.nullable(),
    next_probe_at: time.nullable(),
  })
  .meta({ id: 'Breaker' });

export const queueSchema = z
  .object({
    name: z.enum(QUEUES),
    object: z.literal('queue'),
    counts: z.object({ scheduled: z.number().int(), queued: z.number().int(), processing: z.number().int() }),
    oldest_seconds: z.number().nullable().meta({ description: 'since the oldest that still waits was asked for' }),
    paused: z
      .object({ reason: z.string().nullable(), by: z.string().nullable(), at: time.nullable() })
      .nullable()
      .meta({ description: 'by an operator (`by`: id of the key); starts wait, calls under way go on' }),
    holds: z.array(holdSchema).meta({ description: 'account trouble: lifted by a probe, never by a person' }),
    rate: z
      .object({
        per_minute: z.number().nullable().meta({ description: 'starts; null = unlimited' }),
        concurrency: z.number().int().nullable().meta({ description: 'calls in flight; null = unlimited' }),
      })
      .nullable()
      .meta({ description: 'over all workers; null = none has set it yet' }),
    breaker: breakerSchema.nullable().meta({ description: 'whether the upstream can be reached; null = not watched' }),
  })
  .meta({ id: 'Queue' });
export type QueueState = z.output<typeof queueSchema>;

export const queueListSchema = z.object({ data: z.array(queueSchema) }).meta({ id: 'QueueList' });
export type QueueList = z.output<typeof queueListSchema>;
