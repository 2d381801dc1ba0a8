import { expect, it } from 'vitest';
import { compareWithSecondOpinion } from './compare.ts';

it('two independent implementations never disagree about where a URL may lead', async () => {
  const { runs, connected, disagreement } = await compareWithSecondOpinion({ seed: 20_261_122, runs: 2000 });
  expect(disagreement).toBeNull();
  expect(runs).toBe(2000);
  expect(connected).toBeGreaterThan(200);
  expect(connected).toBeLessThan(1000);
});

it.each(['127.0.0.0/8', '::/96', 'fc00::/7', '192.0.2.0/24'])(
  'a guard that lets %s through is found out',
  async (hole) => {
    const { disagreement } = await compareWithSecondOpinion({ seed: 20_261_122, runs: 5000, hole });
    expect(disagreement).not.toBeNull();
  },
);
