import type { Redis } from 'ioredis';
import { spreadOf } from './rounds.ts';

/** The middle of so many measurements, one after another. */
export async function medianOf(count: number, measure: () => Promise<number>): Promise<number> {
  const values: number[] = [];
  for (let n = 0; n < count; n++) values.push(await measure());
  return spreadOf(values).median;
}

/** Of a PING, in ms. */
export async function roundTrip(client: Redis): Promise<number> {
  const from = performance.now();
  await client.ping();
  return performance.now() - from;
}
