import { describe, expect, it } from 'vitest';
import { drawLatencyMs, GENERATION_LATENCY, seededRandom } from './latency.ts';

describe('drawLatencyMs', () => {
  it('has a median of 45 s and a 99th percentile of 150 s, times the scale', () => {
    const random = seededRandom(42);
    const drawn = Array.from({ length: 40_000 }, () => drawLatencyMs(GENERATION_LATENCY, 0.01, random)).toSorted(
      (a, b) => a - b,
    );
    expect(drawn[20_000]).toBeGreaterThan(440);
    expect(drawn[20_000]).toBeLessThan(460);
    expect(drawn[39_600]).toBeGreaterThan(1430);
    expect(drawn[39_600]).toBeLessThan(1570);
  });

  it('the same seed draws the same', () => {
    const draw = (seed: number) => drawLatencyMs(GENERATION_LATENCY, 1, seededRandom(seed));
    expect(draw(7)).toBe(draw(7));
    expect(draw(7)).not.toBe(draw(8));
  });
});
