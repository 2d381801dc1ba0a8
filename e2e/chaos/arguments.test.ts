import { describe, expect, it } from 'vitest';
import { readArguments } from './arguments.ts';

describe('the arguments of the fault suite', () => {
  it('name a mixed run, several, a row or the test of the checker', () => {
    expect(readArguments([])).toMatchObject({ what: 'mixed', seeds: [1] });
    expect(readArguments(['--seeds', '1,2,3', '--jobs', '10000', '--faults', '500', '--report'])).toEqual({
      what: 'mixed',
      seeds: [1, 2, 3],
      jobs: 10_000,
      faults: 500,
      rows: null,
      report: true,
    });
    expect(readArguments(['--row', 'W1', '--row', 'R2', '--seed', '7'])).toMatchObject({
      what: 'rows',
      rows: ['W1', 'R2'],
      seeds: [7],
    });
    expect(readArguments(['--rows'])).toMatchObject({ what: 'rows', rows: null });
    expect(readArguments(['--checker-self-test'])).toMatchObject({ what: 'self-test' });
  });

  it('are refused when one of them is no number or not known', () => {
    for (const bad of [['--seed', 'x'], ['--jobs', '-1'], ['--faults', '1.5'], ['--what'], ['W1']]) {
      expect(readArguments(bad), bad.join(' ')).toBeNull();
    }
  });
});
