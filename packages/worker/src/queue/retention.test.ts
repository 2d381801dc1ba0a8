import { describe, expect, it } from 'vitest';
import { retentionAges } from './retention.ts';

const DAY_MS = 86_400_000;

describe('how long things are kept', () => {
  it('follows the settings, in which 0 is never', () => {
    expect(retentionAges({ RESULT_TTL_DAYS: 30, RECORD_TTL_DAYS: 90 })).toEqual({
      ...{ settled: 3_600_000, songs: 30 * DAY_MS, records: 90 * DAY_MS, batches: 90 * DAY_MS },
    });
    expect(retentionAges({ RESULT_TTL_DAYS: 0, RECORD_TTL_DAYS: 0 })).toMatchObject({ songs: null, records: null });
  });
});
