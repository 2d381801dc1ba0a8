import { z } from 'zod';

const time = z.string().meta({ description: 'RFC 3339, UTC, milliseconds' });

export const workerSchema = z
  .object({
    id: z.string(),
    object: z.literal('worker'),
    alive: z
      .boolean()
      .meta({ description: 'false: silent for longer than WORKER_LEASE_MS, so its calls are given up' }),
    started_at: time.nullable(),
    seen_at: time.meta({ description: 'its last heartbeat' }),
    slots: z.object({
      total: z.number().int(),
      in_use: z.number().int().nullable().meta({ description: 'at the last heartbeat' }),
    }),
    host: z.string().nullable(),
    pid: z.number().int().nullable(),
    node: z.string().nullable(),
  })
  .meta({ id: 'Worker' });
export type WorkerState = z.output<typeof workerSchema>;

export const workerListSchema = z.object({ data: z.array(workerSchema) }).meta({ id: 'WorkerList' });
export type WorkerList = z.output<typeof workerListSchema>;
