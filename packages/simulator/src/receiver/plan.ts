import { validateHeaderName, validateHeaderValue } from 'node:http';
import { z } from 'zod';

/** Webhooks are received below it. */
export const HOOKS_PATH = '/_hooks/';

const MOST_MS = 3_600_000;

const headersSchema = z.record(z.string(), z.string()).superRefine((headers, check) => {
  for (const [name, value] of Object.entries(headers)) {
    try {
      validateHeaderName(name);
      validateHeaderValue(name, value);
    } catch (error) {
      check.addIssue({ code: 'custom', message: String(error), path: [name] });
    }
  }
});

const answerSchema = z.strictObject({
  status: z.int().min(200).max(599).default(204),
  /** `location`, `retry-after` and whatever else. */
  headers: headersSchema.default({}),
  body: z.string().max(1_048_576).default(''),
  delay_ms: z.number().min(0).max(MOST_MS).default(0),
  /** `cut`: less than the headers promise, then the connection is closed; `reset`: no answer; `hang`: never one. */
  end: z.enum(['whole', 'cut', 'reset', 'hang']).default('whole'),
  /** For so many deliveries. */
  times: z.int().min(1).default(1),
});
/** How one delivery is answered. */
export type HookAnswer = z.output<typeof answerSchema>;

/** Body of `POST /_sim/hooks`: what is left out stays as it is. */
export const planSchema = z.strictObject({
  /** Null: every path that has no plan of its own. */
  path: z.string().startsWith(HOOKS_PATH).max(2048).nullable().default(null),
  /** Each may have signed; empty = signatures are not judged. */
  secrets: z.array(z.string().regex(/^whsec_[A-Za-z0-9+/]+={0,2}$/, 'whsec_ and base64')).optional(),
  /** For the next deliveries, in order. */
  answers: z.array(answerSchema).optional(),
  /** For those after them. */
  otherwise: answerSchema.optional(),
});
export type PlanChange = z.output<typeof planSchema>;

/** What a receiver does until it is told otherwise. */
export const PLAIN_ANSWER: HookAnswer = answerSchema.parse({});
