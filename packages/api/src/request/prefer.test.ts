import { describe, expect, it } from 'vitest';
import { waitSeconds } from './prefer.ts';

describe('Prefer: wait', () => {
  it.each([
    ['wait=5', 5],
    ['wait=0', 0],
    ['wait=60', 60],
    ['wait=61', 60],
    ['wait=999999999999', 60],
    ['respond-async, wait=7', 7],
    [' Wait = "8" ', 8],
    ['wait=9; x=y', 9],
    ['wait=1, wait=2', 1],
  ])('%s asks for %d s', (header, seconds) => {
    expect(waitSeconds(header)).toBe(seconds);
  });

  it.each([undefined, '', 'wait', 'wait=', 'wait=-1', 'wait=1.5', 'wait=soon', 'await=5', 'return=minimal'])(
    '%s asks for nothing',
    (header) => {
      expect(waitSeconds(header)).toBeNull();
    },
  );
});
