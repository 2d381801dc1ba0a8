import { describe, expect, it } from 'vitest';
import { matchPairs } from './match.ts';

describe('pairs of calls and attempts', () => {
  const not = (pairs: readonly string[]) => (one: string, other: string) => !pairs.includes(one + other);

  it('a choice made early gives way when a later one has no other partner', () => {
    expect(matchPairs(['a', 'b'], ['1', '2'], not(['b2']))).toEqual([1, 0]);
  });

  it('a chain of choices gives way', () => {
    expect(matchPairs(['a', 'b', 'c'], ['1', '2', '3'], not(['a3', 'b3', 'c2', 'c3']))).toContain(null);
    expect(matchPairs(['a', 'b', 'c'], ['1', '2', '3'], not(['a3', 'b1', 'c2', 'c3']))).toEqual([1, 2, 0]);
  });

  it('what fits nothing has no partner, and takes none', () => {
    expect(matchPairs(['a', 'b'], ['1'], not(['a1']))).toEqual([null, 0]);
    expect(matchPairs(['a'], [], not([]))).toEqual([null]);
  });
});
