import { expect, it } from 'vitest';
import { compareWithSecondOpinion } from './compare.ts';

it('two independent implementations never disagree about where a URL may lead', async () => {
  const { runs, connected, disagreement } = await compareWithSecondOpinion({ seed: 20_261_122, runs: 1000 });
  expect(disagreement).toBeNull();
  expect(runs).toBe(1000);
  expect(connected).toBeGreaterThan(50);
  expect(connected).toBeLessThan(500);
});
