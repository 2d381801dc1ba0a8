import type { Round } from './cpu-time.ts';
import { ratioOf, type Spread, spreadOf } from './rounds.ts';

/** One line of the report: a number of ours, what it is held against, and what we want. */
export interface Result {
  /** Stable name; the gate finds the last committed result by it. */
  readonly id: string;
  /** The row of the speed table that it belongs to. */
  readonly row: RowName;
  readonly what: string;
  /** What the floor does. Null where there is none and the aim itself is the measure. */
  readonly floorIs: string | null;
  readonly unit: 'per second' | 'bytes' | 'MB' | 'ms' | '%';
  readonly floor: Spread | null;
  readonly ours: Spread;
  /**
   * Higher is better: our rate over the floor's, the floor's memory over ours, or the aim over what was
   * measured. Null for what is only told or is left to chance.
   */
  readonly ratio: Spread | null;
  /** Medians of processor time of server and Redis for one of them, in µs. Null where nothing tells it. */
  readonly cpuMicros: { readonly floor: number; readonly ours: number } | null;
  readonly aim: string | null;
  readonly reached: boolean | null;
}

export const ROWS = [
  'accept',
  'finish',
  'redis-bytes',
  'memory-answers',
  'calls-in-flight',
  'first-byte',
  'first-webhook',
  'webhooks',
  'dead-endpoint',
  'event-to-client',
  'eta',
] as const;
export type RowName = (typeof ROWS)[number];

/** The measured part of a result that has a floor. */
export function compare(
  ours: readonly Round[],
  floor: readonly Round[],
): Pick<Result, 'floor' | 'ours' | 'cpuMicros'> & {
  readonly ratio: Spread;
} {
  const ourRates = ours.map((round) => round.perSecond);
  const floorRates = floor.map((round) => round.perSecond);
  const [ourCpu, floorCpu] = [cpuOf(ours), cpuOf(floor)];
  return {
    ours: spreadOf(ourRates),
    floor: spreadOf(floorRates),
    ratio: ratioOf(ourRates, floorRates),
    cpuMicros: ourCpu === null || floorCpu === null ? null : { floor: floorCpu, ours: ourCpu },
  };
}

function cpuOf(rounds: readonly Round[]): number | null {
  const times = rounds.flatMap((round) => round.cpuMicros ?? []);
  return times.length === rounds.length ? spreadOf(times).median : null;
}
