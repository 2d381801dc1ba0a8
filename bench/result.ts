import type { Spread } from './rounds.ts';

/** One line of the report: a number of ours, what it is held against, and what we want. */
export interface Result {
  /** Stable name; the gate finds the last committed result by it. */
  readonly id: string;
  /** The row of the speed table that it belongs to. */
  readonly row: RowName;
  readonly what: string;
  /** What the floor does. Null where there is none and the aim itself is the measure. */
  readonly floorIs: string | null;
  readonly unit: 'per second' | 'bytes';
  readonly floor: Spread | null;
  readonly ours: Spread;
  /** Higher is better: ours over the floor, or the aim over our bytes. Null for what is only told. */
  readonly ratio: Spread | null;
  readonly aim: string | null;
  readonly reached: boolean | null;
}

export const ROWS = ['accept', 'finish', 'redis-bytes'] as const;
export type RowName = (typeof ROWS)[number];
