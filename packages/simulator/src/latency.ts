import { randomInt } from 'node:crypto';

/** How long a simulated call takes, before the time scale. */
export type Latency = { readonly median_ms: number; readonly p99_ms: number } | { readonly fixed_ms: number };

/** Measured for music-01: 44 to 60 s seen, rarely over two minutes. */
export const GENERATION_LATENCY: Latency = { median_ms: 45_000, p99_ms: 150_000 };
/** One run saw 7 s; the service separates voice and accompaniment meanwhile. */
export const UPLOAD_LATENCY: Latency = { median_ms: 7_000, p99_ms: 30_000 };

/** The 99th percentile of the standard normal distribution. */
const Z99 = 2.326_347_87;

/** A number from 0 up to but not including 1. */
export type Random = () => number;

/** The same numbers in every run with the same seed (mulberry32); without a seed, others each time. */
export function seededRandom(seed: number | undefined): Random {
  let state = seed ?? randomInt(2 ** 32);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** One duration in ms: log-normal through the given median and p99, times the scale. */
export function drawLatencyMs(latency: Latency, timeScale: number, random: Random): number {
  if ('fixed_ms' in latency) return latency.fixed_ms * timeScale;
  const sigma = Math.log(latency.p99_ms / latency.median_ms) / Z99;
  const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  return latency.median_ms * Math.exp(sigma * normal) * timeScale;
}
