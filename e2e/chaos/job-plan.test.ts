import { readMarkers } from '@songmill/simulator/faults/grammar';
import { describe, expect, it } from 'vitest';
import { planJob } from './job-plan.ts';

const NOW = new Date('2026-01-01T00:00:00Z');
const plans = (seed: number) => Array.from({ length: 20_000 }, (_, n) => planJob(seed, n + 1, NOW));

describe('the songs of a seed', () => {
  it('are the same whenever they are planned', () => {
    expect(planJob(5, 17, NOW)).toEqual(planJob(5, 17, NOW));
    expect(planJob(5, 17, NOW)).not.toEqual(planJob(6, 17, NOW));
  });

  it('have lyrics that the API takes and markers that the simulator knows', () => {
    for (const { number, body } of plans(1)) {
      expect([...body.lyrics].length, body.lyrics).toBeLessThanOrEqual(200);
      expect(readMarkers(body.lyrics).unknown, body.lyrics).toEqual([]);
      expect(body.lyrics).toMatch(new RegExp(`^job ${number} of seed 1\n`));
    }
  });

  it('are of every kind: plain, broken, canceled, posted twice, held for review, told to a URL of their own', () => {
    const all = plans(2);
    const share = (is: (plan: (typeof all)[number]) => boolean) => all.filter(is).length / all.length;
    expect(share(({ body }) => !body.lyrics.includes('[sim:'))).toBeGreaterThan(0.7);
    expect(share(({ cancelAfterMs }) => cancelAfterMs !== null)).toBeGreaterThan(0.05);
    expect(share(({ twice }) => twice)).toBeGreaterThan(0.03);
    expect(share(({ body }) => body['on_unknown_charge'] === 'hold')).toBeGreaterThan(0.1);
    expect(share(({ body }) => body['run_at'] !== undefined)).toBeGreaterThan(0.02);
    expect(share(({ told }) => told !== null)).toBeGreaterThan(0.3);
  });
});
