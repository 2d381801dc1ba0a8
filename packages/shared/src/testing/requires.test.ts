import { describe, expect, it } from 'vitest';
import { requires } from './requires.ts';

describe('what a test requires', () => {
  it('is met by a program on PATH, or by one of several', () => {
    expect(requires('sh')).toEqual({ skip: false, meta: {} });
    expect(requires('no-such-program|sh')).toEqual({ skip: false, meta: {} });
  });

  it('is named when it is missing, so that a skip has its reason', () => {
    expect(requires('sh', 'no-such-program', 'neither|nor')).toEqual({
      skip: true,
      meta: { missing: 'needs no-such-program on PATH, needs neither or nor on PATH' },
    });
  });
});
