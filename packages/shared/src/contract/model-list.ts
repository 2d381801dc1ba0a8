import { z } from 'zod';
import { REFERENCE_FIELDS, UPSTREAM_FIELDS } from './models.ts';

const span = z.object({ min: z.number().int(), max: z.number().int() });

/** A model as `GET /v1/models` shows it. */
export const modelSchema = z
  .object({
    id: z.string(),
    enabled: z.boolean().meta({ description: 'a disabled model is refused by name' }),
    limits: z
      .object({ lyrics: span, prompt: span.nullable() })
      .meta({ description: 'characters, every Unicode code point counting one' }),
    fields: z
      .array(z.enum([...UPSTREAM_FIELDS, ...REFERENCE_FIELDS]))
      .meta({ description: 'what it takes beside `model`' }),
    price: z
      .object({ amount: z.string(), currency: z.string() })
      .nullable()
      .meta({ description: 'per paid call; null when none is set' }),
    hold: z
      .object({ code: z.string(), reason: z.string(), since: z.string(), next_probe_at: z.string() })
      .nullable()
      .meta({ description: 'why songs of this model wait; `reason` quotes the upstream' }),
  })
  .meta({ id: 'Model' });
export type ModelReport = z.output<typeof modelSchema>;

export const modelListSchema = z.object({ data: z.array(modelSchema) }).meta({ id: 'ModelList' });
export type ModelList = z.output<typeof modelListSchema>;
