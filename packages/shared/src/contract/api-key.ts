import { z } from 'zod';
import { SCOPES } from './words.ts';

export const apiKeyRequestSchema = z
  .strictObject({
    name: z.string().min(1).max(128),
    project: z
      .string()
      .regex(/^[A-Za-z0-9_-]{1,64}$/, '1 to 64 letters, digits, _ or -')
      .default('default'),
    scopes: z.array(z.enum(SCOPES)).min(1).default(['generate']),
    expires_at: z.iso.datetime({ offset: true }).nullable().default(null),
  })
  .meta({ id: 'ApiKeyRequest' });

export const apiKeySchema = z
  .object({
    id: z.string(),
    object: z.literal('api_key'),
    name: z.string(),
    project: z.string(),
    scopes: z.array(z.enum(SCOPES)),
    created_at: z.string(),
    expires_at: z.string().nullable(),
    last_used_at: z.string().nullable(),
    last4: z.string(),
    key: z.string().optional().meta({ description: 'shown once, in the answer that creates it' }),
  })
  .meta({ id: 'ApiKey' });
export type ApiKey = z.output<typeof apiKeySchema>;
