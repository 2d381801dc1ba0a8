import { z } from 'zod';
import { type ModelTable, MODELS } from '../contract/models.ts';
import { UNKNOWN_CHARGE_POLICIES } from '../contract/words.ts';
import { parseS3Url } from './storage/s3-url.ts';
import { readAllowList } from './address/allow-list.ts';
import { priceSchema } from './models.ts';

/**
 * Every setting of every process, in the order of `.env.example`, which is generated from here
 * (`meta`: what it means, its group, whether it is a secret). Values arrive as text.
 */

const integer = (min: number, max: number) =>
  z
    .string()
    .regex(/^\d{1,15}$/, `a whole number from ${min} to ${max}`)
    .transform(Number)
    .refine((n) => n >= min && n <= max, `a whole number from ${min} to ${max}`);
const port = integer(0, 65535);
const ms = integer(1, 31_536_000_000);
const bytes = integer(1, Number.MAX_SAFE_INTEGER);
const url = (schemes: readonly string[]) =>
  z.string().refine(
    (text) => {
      try {
        return schemes.includes(new URL(text).protocol);
      } catch {
        return false;
      }
    },
    `a URL that begins with ${schemes.join(' or ')}`,
  );
/** JSON text of an object whose values the schema judges. */
const jsonOf = <Value extends z.ZodType>(values: Value) =>
  z
    .string()
    .transform((text, context): unknown => {
      try {
        return JSON.parse(text);
      } catch {
        context.addIssue({ code: 'custom', message: 'must be JSON' });
        return z.NEVER;
      }
    })
    .pipe(z.record(z.string(), values));
const storageUrl = z.string().superRefine((text, check) => {
  const fault = /^s3:/i.test(text) ? parseS3Url(text) : /^file:/i.test(text) ? null : 'begins with file: or s3:';
  if (typeof fault === 'string') check.addIssue({ code: 'custom', message: fault });
});
/** Entries of an allow list of the address guard, parted by commas. */
const allowList = z
  .string()
  .transform((text) => text.split(',').map((entry) => entry.trim()))
  .superRefine((entries, check) => {
    for (const fault of readAllowList(entries).faults) check.addIssue({ code: 'custom', message: fault });
  });
const flag = z.enum(['true', 'false']).transform((word) => word === 'true');
const header = z.string().regex(/^[\x21-\x7e]+$/, 'visible ASCII characters only');

export const settingsSchema = z.object({
  REDIS_URL: url(['redis:', 'rediss:', 'unix:']).default('redis://127.0.0.1:6379').meta({
    group: 'Redis',
    secret: true,
    about: 'redis://, rediss:// or unix:///path.sock; `npm start` runs its own when unset',
  }),
  REDIS_PREFIX: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,32}$/, '1 to 32 letters, digits, _ or -')
    .default('songmill')
    .meta({ group: 'Redis', about: 'first part of every key, inside a hash tag' }),

  API_HOST: z.string().default('127.0.0.1').meta({ group: 'API', about: 'address to listen on' }),
  API_PORT: port.default(8080).meta({ group: 'API', about: '0 picks a free one and logs it' }),
  API_KEY: header.optional().meta({
    group: 'API',
    secret: true,
    about:
      'bootstrap key: every scope, project default, never stored. Unset and no key stored: one is made once, printed on a terminal or else written to ./data/api-key',
  }),
  PUBLIC_URL: url(['http:', 'https:'])
    .optional()
    .meta({ group: 'API', about: 'when set, every URL in answers and files is absolute; otherwise a path' }),
  MAX_BODY_BYTES: bytes.default(1_048_576).meta({ group: 'API', about: 'largest JSON body' }),
  MAX_REFERENCE_BYTES: bytes.default(52_428_800).meta({ group: 'API', about: 'largest file of a reference' }),
  MAX_BATCH_BYTES: bytes.default(209_715_200).meta({ group: 'API', about: 'largest body of a batch' }),
  // Ids of items hold five hexadecimal digits of their place (runtime/ids.ts).
  MAX_BATCH_ITEMS: integer(1, 1_000_000).default(100_000).meta({ group: 'API', about: 'most items of a batch' }),
  MAX_WAITING: integer(1, 100_000_000)
    .default(1_000_000)
    .meta({ group: 'API', about: 'waiting generations in all; beyond it 429 queue_full' }),

  UPSTREAM_BASE_URL: url(['http:', 'https:'])
    .default('https://api.302.ai')
    .meta({ group: 'Upstream', about: '/minimaxi/v1/music_generation and /minimaxi/v1/music_upload are added to it' }),
  UPSTREAM_API_KEY: header.optional().meta({
    group: 'Upstream',
    secret: true,
    about: 'required by the worker; its _FILE is read again before each probe and on SIGHUP',
  }),
  UPSTREAM_TIMEOUT_MS: ms.default(300_000).meta({
    group: 'Upstream',
    about: 'whole call, connect to last byte; a song behind a link gets what is left, at least 30 s',
  }),
  UPSTREAM_UPLOAD_TIMEOUT_MS: ms
    .default(120_000)
    .meta({ group: 'Upstream', about: 'whole upload of a reference, connect to last byte' }),
  UPSTREAM_MAX_RESPONSE_BYTES: bytes
    .default(134_217_728)
    .meta({ group: 'Upstream', about: 'larger answers are cut off and fail, never retried' }),
  UPSTREAM_RATE_PER_MINUTE: integer(0, 1_000_000)
    .default(6)
    .meta({ group: 'Upstream', about: 'generation starts per minute over all workers, evenly spaced; 0 = unlimited' }),
  UPSTREAM_MAX_CONCURRENCY: integer(0, 100_000)
    .default(3)
    .meta({ group: 'Upstream', about: 'generation calls in flight over all workers; 0 = unlimited' }),
  DEFAULT_MODEL: z
    .enum(Object.keys(MODELS), `one of ${Object.keys(MODELS).join(', ')}`)
    .default('music-01')
    .meta({ group: 'Upstream', about: 'model of requests that name none' }),
  MODELS_FILE: z.string().optional().meta({
    group: 'Upstream',
    about:
      'JSON file that enables, disables, limits and prices models: `{"music-01":{"enabled":true,"limits":{"lyrics":{"max":350}},"price":{"amount":"0.05","currency":"PTC"}}}`',
  }),
  PRICES: jsonOf(priceSchema).optional().meta({
    group: 'Upstream',
    about: 'price per paid call, over those of MODELS_FILE: `{"music-01":{"amount":"0.05","currency":"PTC"}}`',
  }),

  WORKER_CONCURRENCY: integer(1, 10_000)
    .default(50)
    .meta({ group: 'Worker', about: 'calls in flight in one worker process' }),
  WORKER_HOST: z.string().default('127.0.0.1').meta({ group: 'Worker', about: "address of the worker's health page" }),
  WORKER_PORT: port.default(0).meta({ group: 'Worker', about: '0 picks a free one and logs it' }),
  WORKER_LEASE_MS: integer(500, 3_600_000).default(60_000).meta({
    group: 'Worker',
    about: 'a worker silent for this long is dead; an outage shorter than it causes no second call',
  }),
  SHUTDOWN_GRACE_MS: ms
    .default(330_000)
    .meta({ group: 'Worker', about: 'how long a stopping worker lets paid calls finish' }),
  SPOOL_DIR: z
    .string()
    .default('./data/spool')
    .meta({ group: 'Worker', about: 'paid answers not yet stored and journal lines; must outlive the process' }),

  MAX_ATTEMPTS: integer(1, 1000)
    .default(5)
    .meta({ group: 'Retries', about: 'attempts per run whose row of "Outcome and charge" counts toward it' }),
  MAX_UNKNOWN_CHARGES: integer(1, 1000).default(2).meta({
    group: 'Retries',
    about: 'attempts per run that may have been, or were, billed without giving a song; 1 = never repeat such a call',
  }),
  ON_UNKNOWN_CHARGE: z.enum(UNKNOWN_CHARGE_POLICIES).default('retry').meta({
    group: 'Retries',
    about:
      'retry up to the two limits, then needs_review; hold = needs_review at the first; fail = failed at the first',
  }),
  RETRY_BASE_MS: ms.default(2000).meta({ group: 'Retries', about: 'full-jitter exponential backoff, first step' }),
  RETRY_MAX_MS: ms.default(120_000).meta({ group: 'Retries', about: 'full-jitter exponential backoff, ceiling' }),
  ACCOUNT_PROBE_MS: ms
    .default(60_000)
    .meta({ group: 'Retries', about: 'first probe after a hold; doubles to one hour' }),

  STORAGE_URL: storageUrl.default('file:./data/songs').meta({
    group: 'Storage',
    about: '`file:` folder or `s3://bucket/prefix?endpoint=…&region=…`, addressed in path style',
  }),
  AWS_ACCESS_KEY_ID: header.optional().meta({
    group: 'Storage',
    secret: true,
    about: 'required with an s3: STORAGE_URL',
  }),
  AWS_SECRET_ACCESS_KEY: header.optional().meta({
    group: 'Storage',
    secret: true,
    about: 'required with an s3: STORAGE_URL',
  }),
  STORAGE_MIN_FREE_BYTES: integer(0, Number.MAX_SAFE_INTEGER)
    .default(268_435_456)
    .meta({ group: 'Storage', about: 'below it no paid call starts' }),
  RESULT_TTL_DAYS: integer(0, 36_500)
    .default(30)
    .meta({ group: 'Storage', about: 'days until the audio of a finished song is removed; 0 = never' }),
  RECORD_TTL_DAYS: integer(0, 36_500).default(90).meta({
    group: 'Storage',
    about: 'days until the record of a finished generation is removed, never before its audio; 0 = never',
  }),

  WEBHOOK_TIMEOUT_MS: integer(100, 120_000)
    .default(15_000)
    .meta({ group: 'Webhooks', about: 'one delivery attempt, look-up to last byte' }),
  WEBHOOK_SCHEDULE_MS: z
    .string()
    .regex(/^\d{1,10}(,\d{1,10}){0,49}$/, 'up to 50 whole numbers of milliseconds with commas between them')
    .default('5000,300000,1800000,7200000,18000000,36000000,50400000,72000000,86400000')
    .transform((text) => text.split(',').map(Number))
    .meta({ group: 'Webhooks', about: 'waits between the attempts of a delivery, plus jitter' }),
  WEBHOOK_ALLOW: allowList.optional().meta({
    group: 'Webhooks',
    about: 'host names, addresses or CIDRs allowed besides public ones, http and any port too: `hooks.lan,10.2.0.0/16`',
  }),
  WEBHOOK_ALLOW_PRIVATE: flag.default(false).meta({
    group: 'Webhooks',
    about:
      'private and loopback addresses, IP literals, any port and plain http for all (development); never link-local or metadata addresses',
  }),

  LOG_LEVEL: z
    .enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'])
    .default('info')
    .meta({ group: 'Logs', about: 'least level written' }),

  SIMULATOR_HOST: z.string().default('127.0.0.1').meta({ group: 'Simulator', about: 'address to listen on' }),
  SIMULATOR_PORT: port.default(8090).meta({ group: 'Simulator', about: '0 picks a free one and logs it' }),
  SIMULATOR_TIME_SCALE: z
    .string()
    .regex(/^\d{1,6}(\.\d{1,9})?$/, 'a number from 0')
    .transform(Number)
    .default(1)
    .meta({
      group: 'Simulator',
      about: 'every simulated duration is multiplied by it; 0.01 makes a 45 s song in 0.45 s',
    }),
  SIMULATOR_RATE_PER_MINUTE: integer(0, 1_000_000)
    .default(0)
    .meta({ group: 'Simulator', about: 'starts per minute and key; 0 = unlimited' }),
  SIMULATOR_CONCURRENCY: integer(0, 100_000)
    .default(0)
    .meta({ group: 'Simulator', about: 'calls in flight per key; 0 = unlimited' }),
  SIMULATOR_LEDGER: z
    .string()
    .default('./data/ledger.jsonl')
    .meta({ group: 'Simulator', about: 'file of what was billed' }),
});

/** The parsed settings; made once per process by `parseConfig` and passed down. */
export type Settings = z.output<typeof settingsSchema> & {
  /** What DEFAULT_MODEL, MODELS_FILE and PRICES make of the models that this version can call. */
  readonly models: ModelTable;
};
