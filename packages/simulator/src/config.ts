import { z } from 'zod';
import { GENERATION_LATENCY, type Latency, UPLOAD_LATENCY } from './latency.ts';

/** What the simulated account knows about one key. Keys without an entry are good and never run dry. */
export interface KeyRule {
  /** Songs it can still pay for; null = without end. */
  readonly balance: number | null;
  /** The err_code its calls are refused with (-10002, -10005 ...); null = it is good. */
  readonly err: number | null;
}

/** Everything `POST /_sim/config` can change. Durations are before the time scale unless said otherwise. */
export interface SimulatorConfig {
  readonly time_scale: number;
  readonly latency: Latency;
  readonly upload_latency: Latency;
  /** Starts per minute and key, as a bucket that refills evenly; 0 = unlimited. Never time-scaled. */
  readonly rate_per_minute: number;
  /** What "a minute" is for that rate, ms; tests make it short. */
  readonly rate_window_ms: number;
  /** Songs being made at once per key; 0 = unlimited. */
  readonly concurrency: number;
  /** Answer for keys without an entry in `keys`. */
  readonly default_key: KeyRule;
  readonly keys: ReadonlyMap<string, KeyRule>;
  readonly models: readonly string[];
  /** Characters that music-01 takes; the later models have limits of their own. */
  readonly lyrics_limit: number;
  /** Words in lyrics that are refused with 1026. */
  readonly banned_words: readonly string[];
  /** About this many bytes a song, whatever its text; null = by the length of the text. */
  readonly song_bytes: number | null;
  readonly answer: {
    readonly base_resp: boolean;
    readonly trace_id: boolean;
    readonly extra_info: boolean;
    readonly audio: 'hex' | 'url';
  };
  /** false = up; `unavailable` = 503 without an envelope for everything; `reset` = every call is reset. */
  readonly down: false | 'unavailable' | 'reset';
}

export const MODELS = ['music-01', 'music-1.5', 'music-2.0', 'music-2.5'] as const;

export const DEFAULT_CONFIG: SimulatorConfig = {
  time_scale: 1,
  latency: GENERATION_LATENCY,
  upload_latency: UPLOAD_LATENCY,
  rate_per_minute: 0,
  rate_window_ms: 60_000,
  concurrency: 0,
  default_key: { balance: null, err: null },
  keys: new Map(),
  models: MODELS,
  lyrics_limit: 200,
  banned_words: ['banned-by-the-simulator'],
  song_bytes: null,
  answer: { base_resp: true, trace_id: true, extra_info: true, audio: 'hex' },
  down: false,
};

const count = z.int().min(0);
const duration = z.number().min(0).max(3_600_000);
const latency = z.union([
  z.strictObject({ fixed_ms: duration }),
  z.strictObject({ median_ms: duration.positive(), p99_ms: duration.positive() }),
]);
const keyRule = z.strictObject({ balance: count.nullable().optional(), err: z.int().max(0).nullable().optional() });

const patchSchema = z.strictObject({
  time_scale: z.number().min(0).optional(),
  latency: latency.optional(),
  upload_latency: latency.optional(),
  rate_per_minute: count.optional(),
  rate_window_ms: count.min(1).optional(),
  concurrency: count.optional(),
  default_key: keyRule.optional(),
  keys: z.record(z.string(), keyRule).optional(),
  models: z.array(z.enum(MODELS)).optional(),
  lyrics_limit: count.optional(),
  banned_words: z.array(z.string().min(1)).optional(),
  song_bytes: count.min(1).nullable().optional(),
  answer: z
    .strictObject({
      base_resp: z.boolean().optional(),
      trace_id: z.boolean().optional(),
      extra_info: z.boolean().optional(),
      audio: z.enum(['hex', 'url']).optional(),
    })
    .optional(),
  down: z.union([z.literal(false), z.enum(['unavailable', 'reset'])]).optional(),
});

/**
 * The configuration with some values changed: `answer` and the named `keys` are merged, the rest replaced.
 *
 * @throws z.ZodError naming every unknown or bad value
 */
export function patchConfig(config: SimulatorConfig, patch: unknown): SimulatorConfig {
  const { answer, keys, default_key, ...rest } = patchSchema.parse(patch);
  const merged = new Map(config.keys);
  const base = { ...config.default_key, ...given(default_key ?? {}) };
  for (const [key, rule] of Object.entries(keys ?? {})) {
    merged.set(key, { ...(merged.get(key) ?? { balance: null, err: null }), ...given(rule) });
  }
  return {
    ...config,
    ...given(rest),
    default_key: base,
    keys: merged,
    answer: { ...config.answer, ...given(answer ?? {}) },
  };
}

/** Drops keys whose value is undefined, which would otherwise overwrite what is there. */
function given<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, v]) => v !== undefined)) as never;
}
