import type { GenerationRecord } from '@songmill/shared/runtime/records/types';
import { describe, expect, it } from 'vitest';
import { percentile, recoveryTimes } from './recovery.ts';
import type { Injected } from './schedule.ts';

const at = (seconds: number) => new Date(Date.UTC(2026, 0, 1, 0, 0, seconds)).toISOString();
const fault = (began: number, ended: number, more: Partial<Injected> = {}): Injected => ({
  row: 'W1',
  title: 'a worker is killed',
  began_at: at(began),
  ended_at: at(ended),
  took_ms: (ended - began) * 1000,
  effective: true,
  seen: '',
  ...more,
});
const song = (id: string, finished: number, status: 'succeeded' | 'failed' = 'succeeded') =>
  ({
    id,
    status,
    finishedMs: Date.parse(at(finished)),
    history: [{ sequence: 3, status, run: 1, atMs: Date.parse(at(finished)) }],
  }) as unknown as GenerationRecord;

describe('recovery from a fault', () => {
  it('lasts until all that it hit has settled', () => {
    const records = [song('gen_a', 14), song('gen_b', 17, 'failed'), song('gen_c', 12)];
    expect(recoveryTimes([fault(10, 11, { ids: ['gen_a', 'gen_b'] })], records)).toEqual([6000]);
  });

  it('lasts until the next success when it hit none by name', () => {
    expect(recoveryTimes([fault(10, 11)], [song('gen_a', 9), song('gen_b', 13), song('gen_c', 20)])).toEqual([2000]);
  });

  it('took no time when all had settled before the fault was over', () => {
    expect(recoveryTimes([fault(10, 15, { ids: ['gen_a'] })], [song('gen_a', 12)])).toEqual([0]);
  });

  it('is not counted for what had no effect, nor where nothing came after', () => {
    expect(recoveryTimes([fault(10, 11, { effective: false }), fault(30, 31)], [song('gen_a', 14)])).toEqual([]);
  });
});

describe('a percentile', () => {
  it('is one of the values, or nothing of nothing', () => {
    const values = Array.from({ length: 100 }, (_, n) => 100 - n);
    expect([percentile(values, 0.5), percentile(values, 0.99), percentile([7], 0.99), percentile([], 0.5)]).toEqual([
      51,
      100,
      7,
      null,
    ]);
  });
});
