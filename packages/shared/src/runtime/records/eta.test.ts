import { describe, expect, it } from 'vitest';
import { etaMs, type Flow } from './eta.ts';

const UNLIMITED = { max: 1e9, windowMs: 1000, used: 0, endsMs: 0 };
const flow = (fields: Partial<Flow> = {}): Flow => ({
  callsMs: [40_000, 40_000, 40_000, 40_000, 140_000],
  slots: 3,
  running: 3,
  rate: UNLIMITED,
  ...fields,
});

describe('when a waiting call probably starts', () => {
  it('is not guessed from fewer than five calls, nor without a slot', () => {
    expect(etaMs(1, 0, flow({ callsMs: [1, 2, 3, 4] }))).toBeNull();
    expect(etaMs(1, 0, flow({ slots: 0 }))).toBeNull();
  });

  it('is at once while slots are free, and then follows their mean', () => {
    expect(etaMs(3, 0, flow({ running: 0 }))).toBe(0);
    // A mean of 60 s in three slots is a start each 20 s; the next slot is free after half of that.
    expect(etaMs(1, 0, flow())).toBe(10_000);
    expect(etaMs(10, 0, flow())).toBe(190_000);
  });

  it('is half a call later when all slots begin together, less what the lengths of calls differ', () => {
    const even = flow({ running: 0, callsMs: [60_000, 60_000, 60_000, 60_000, 60_000] });
    // Really the 4th, 5th and 6th start after 60 s.
    expect([4, 5, 6].map((position) => Math.round(etaMs(position, 0, even)!))).toEqual([40_000, 60_000, 80_000]);
    expect(etaMs(4, 0, flow({ running: 0 }))).toBeCloseTo(10_000 + 60_000 * 0.5 * (1 - 1600 / 3600));
  });

  it('follows the rate where that is slower', () => {
    const rate = { max: 1, windowMs: 60_000, used: 1, endsMs: 5000 };
    expect(etaMs(1, 0, flow({ running: 0, rate }))).toBe(5000);
    expect(etaMs(10, 0, flow({ running: 0, rate }))).toBe(5000 + 9 * 60_000);
    expect(etaMs(3, 0, flow({ running: 0, rate: { ...rate, max: 4, used: 1 } }))).toBe(0);
    expect(etaMs(4, 0, flow({ slots: 9, running: 0, rate: { ...rate, max: 4, used: 1 } }))).toBe(5000);
  });

  it('waits for the end of a brake, during which calls end and free their slots', () => {
    const rate = { max: 1e9, windowMs: 1000, used: 2 ** 53, endsMs: 40_000 };
    expect(etaMs(1, 0, flow({ rate }))).toBe(40_000);
    expect(etaMs(2, 0, flow({ rate }))).toBe(40_000);
    expect(etaMs(3, 0, flow({ rate }))).toBe(50_000);
  });

  it('is never before the time that it may start', () => {
    expect(etaMs(1, 90_000, flow())).toBe(90_000);
    const rate = { max: 1, windowMs: 10_000, used: 1, endsMs: 5000 };
    expect(etaMs(3, 90_000, flow({ running: 0, rate }))).toBe(110_000);
  });
});
