import { describe, expect, it } from 'vitest';
import { judge } from './gate.ts';
import type { Result } from './result.ts';
import { spreadOf } from './rounds.ts';

function result(ratio: number | null): Result {
  return {
    id: 'accept',
    row: 'accept',
    what: 'accepting',
    floorIs: 'less',
    unit: 'per second',
    floor: spreadOf([100]),
    ours: spreadOf([80]),
    ratio: ratio === null ? null : spreadOf([ratio]),
    cpuMicros: null,
    aim: null,
    reached: null,
  };
}

describe('the gate', () => {
  it.each([
    [0.9, true],
    [0.65, true],
    [0.63, false],
  ])('lets a ratio of %d after 0.8 pass: %s', (now, passed) => {
    expect(judge([result(now)], { accept: result(0.8) })).toEqual([{ id: 'accept', now, before: 0.8, passed }]);
  });

  it('passes what was never measured before', () => {
    expect(judge([result(0.1)], {})).toMatchObject([{ before: null, passed: true }]);
  });

  it('does not judge what is only told', () => {
    expect(judge([result(null)], { accept: result(0.8) })).toEqual([]);
  });
});
