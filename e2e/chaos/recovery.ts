import type { GenerationRecord } from '@songmill/shared/runtime/records/types';
import type { Injected } from './schedule.ts';

/**
 * How long after the end of each fault the system worked again, ms: until the generations that it hit had settled, or,
 * when it hit none by name, until the next one succeeded. A fault after which nothing was left to settle is left out.
 */
export function recoveryTimes(injected: readonly Injected[], records: readonly GenerationRecord[]): number[] {
  const ends = new Map(records.map((record) => [record.id, record.history]));
  const successes = records
    .filter(({ status, finishedMs }) => status === 'succeeded' && finishedMs !== null)
    .map(({ finishedMs }) => finishedMs!)
    .toSorted((a, b) => a - b);
  return injected
    .filter(({ effective }) => effective)
    .flatMap(({ ids = [], began_at, ended_at }) => {
      const began = Date.parse(began_at);
      const ended = Date.parse(ended_at);
      const settled = ids.flatMap((id) => {
        const end = (ends.get(id) ?? []).find(({ status, atMs }) => atMs >= began && SETTLED.has(status));
        return end === undefined ? [] : [end.atMs];
      });
      const at = settled.length > 0 ? Math.max(...settled) : successes.find((each) => each >= ended);
      return at === undefined ? [] : [Math.max(0, at - ended)];
    });
}

const SETTLED: ReadonlySet<string> = new Set(['succeeded', 'failed', 'canceled', 'needs_review']);

/** The value below which this share of them lies; null of none. */
export function percentile(values: readonly number[], share: number): number | null {
  if (values.length === 0) return null;
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!;
}
