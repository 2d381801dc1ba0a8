import type { Result } from './result.ts';

/** A ratio may fall this far below the last committed one before it fails the run. */
export const ALLOWED = 0.8;

export interface Verdict {
  readonly id: string;
  readonly now: number;
  readonly before: number | null;
  readonly passed: boolean;
}

/** Holds each ratio against the last committed one. Numbers without a ratio, or without a past, pass. */
export function judge(results: readonly Result[], committed: Readonly<Record<string, Result>>): Verdict[] {
  return results.flatMap(({ id, ratio }) => {
    if (ratio === null) return [];
    const before = committed[id]?.ratio?.median ?? null;
    return [{ id, now: ratio.median, before, passed: before === null || ratio.median >= before * ALLOWED }];
  });
}
