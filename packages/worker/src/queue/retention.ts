import { setTimeout as wait } from 'node:timers/promises';
import { type RetentionStep, retainPage } from '@songmill/shared/runtime/records/retain';
import type { RecordStore } from '@songmill/shared/runtime/records/store';
import type { Settings } from '@songmill/shared/runtime/settings';

/** One script handles at most this many, about 10 ms of Redis' time. */
const PAGE = 50;
/** Between pages Redis serves others for this many times as long as a page took. */
const REST = 3;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** How long after the end each step comes; null = never. */
export type RetentionAges = Readonly<Record<RetentionStep, number | null>>;

/** Whole records for an hour, in which most are read; then as the settings say. */
export function retentionAges(settings: Pick<Settings, 'RESULT_TTL_DAYS' | 'RECORD_TTL_DAYS'>): RetentionAges {
  const days = (count: number) => (count === 0 ? null : count * DAY_MS);
  return {
    settled: HOUR_MS,
    songs: days(settings.RESULT_TTL_DAYS),
    records: days(settings.RECORD_TTL_DAYS),
    batches: days(settings.RECORD_TTL_DAYS),
  };
}

/** Goes through what is due, page by page, for at most `budgetMs`; what is left is for the next time. */
export async function retainDue(records: RecordStore, ages: RetentionAges, budgetMs: number): Promise<void> {
  const end = performance.now() + budgetMs;
  for (const step of ['settled', 'songs', 'records', 'batches'] as const) {
    const ageMs = ages[step];
    if (ageMs === null) continue;
    let handled = PAGE;
    while (handled === PAGE && performance.now() < end) {
      const began = performance.now();
      handled = await retainPage(records, { step, ageMs, most: PAGE });
      if (handled === PAGE) await wait((performance.now() - began) * REST);
    }
  }
}
