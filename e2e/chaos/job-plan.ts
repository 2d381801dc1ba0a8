import { GENERATION_EVENTS, SETTLED_GENERATION_EVENTS } from '@songmill/shared/contract/event';
import type { Random } from './types.ts';
import { pick, pickByWeight, randomOf } from './random.ts';

/** What a client will do with one song, decided by the seed and its number alone. */
export interface JobPlan {
  readonly number: number;
  readonly body: Readonly<Record<string, unknown>> & { readonly lyrics: string };
  readonly idempotencyKey: string;
  /** Posted to two APIs at once. */
  readonly twice: boolean;
  /** Posted once more after it is known. */
  readonly replay: boolean;
  /** Waits this long, then cancels. */
  readonly cancelAfterMs: number | null;
  /** Waits for it by the API, and downloads the song. */
  readonly download: boolean;
  /** A retry, should it fail or be canceled. */
  readonly retry: boolean;
  /** What a person decides when it needs review, the first time and later. */
  readonly resolve: readonly ('retry' | 'fail')[];
  /** Events that a URL of its own is told, if it has one. */
  readonly told: readonly `generation.${string}`[] | null;
}

/** What the upstream does to a song by itself, beside the faults: most are plain. `$` stands for the job. */
const MARKERS = [
  { weight: 78, text: '' },
  { weight: 0.3, text: '[sim:code=1002,x1,id=$]' },
  { weight: 2, text: '[sim:code=1001,x1,id=$]' },
  { weight: 2, text: '[sim:503,x1,id=$]' },
  { weight: 2, text: '[sim:lost,x1,id=$]' },
  { weight: 1, text: '[sim:lost,x3,id=$]' },
  { weight: 1, text: '[sim:rst,x1,id=$]' },
  { weight: 0.3, text: '[sim:hang,x1,id=$]' },
  { weight: 1, text: '[sim:truncate,x1,id=$]' },
  { weight: 1, text: '[sim:odd,x1,id=$]' },
  { weight: 1, text: '[sim:badhex,x1,id=$]' },
  { weight: 1, text: '[sim:empty,x1,id=$]' },
  { weight: 1, text: '[sim:garbage,x2,id=$]' },
  { weight: 1, text: '[sim:close,x1,id=$]' },
  { weight: 1, text: '[sim:504,x1,id=$]' },
  { weight: 1, text: '[sim:drip=700]' },
  { weight: 2, text: '[sim:code=1026]' },
  { weight: 1, text: '[sim:code=1027]' },
];

const VOICE = 'vocal-2024112413150824-aj4GKzSM';
const INSTRUMENTAL = 'instrumental-2024112413150824-UE4jIGJY';

/** @param now for `run_at`, the only thing that the seed does not decide alone */
export function planJob(seed: number, number: number, now: Date): JobPlan {
  const random = randomOf(seed, 'job', number);
  const chance = (share: number) => random() < share;
  const marker = pickByWeight(MARKERS, random).text.replace('$', String(number));
  const policy = pickByWeight(
    [
      { weight: 80, value: null },
      { weight: 12, value: 'hold' },
      { weight: 8, value: 'fail' },
    ],
    random,
  ).value;
  const runAt = chance(0.03) ? new Date(now.getTime() + 500 + random() * 1500).toISOString() : null;
  return {
    number,
    body: {
      lyrics: `job ${number} of seed ${seed}\n${line(random)}${marker}`,
      refer_voice: VOICE,
      refer_instrumental: INSTRUMENTAL,
      priority: pick(['interactive', 'normal', 'normal', 'bulk'], random),
      ...(policy === null ? {} : { on_unknown_charge: policy }),
      ...(runAt === null ? {} : { run_at: runAt }),
    },
    idempotencyKey: `chaos-${seed}-${number}`,
    twice: chance(0.05),
    replay: chance(0.1),
    cancelAfterMs: chance(0.07) ? Math.round(random() * 1500) : null,
    download: chance(0.06),
    retry: chance(0.6),
    resolve: [chance(0.7) ? 'retry' : 'fail', 'fail'],
    told: chance(0.4) ? (chance(0.5) ? GENERATION_EVENTS : SETTLED_GENERATION_EVENTS) : null,
  };
}

function line(random: Random): string {
  return `the ${pick(['river', 'harbour', 'engine', 'lantern'], random)} carries every light\n`;
}
