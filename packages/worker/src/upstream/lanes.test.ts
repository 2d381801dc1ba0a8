import { describe, expect, it } from 'vitest';
import { openLanes } from './lanes.ts';

describe('lanes', () => {
  it('let in so many at once, in order, and a failure frees its lane', async () => {
    const lanes = openLanes(2);
    const started: number[] = [];
    let running = 0;
    let most = 0;
    const work = Array.from({ length: 9 }, (_, index) =>
      lanes(async () => {
        started.push(index);
        most = Math.max(most, ++running);
        await new Promise(setImmediate);
        running--;
        if (index % 3 === 0) throw new Error(`${index} failed`);
        return index;
      }),
    );
    const ended = await Promise.allSettled(work);
    expect(most).toBe(2);
    expect(started).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
    expect(ended.map(({ status }) => status === 'fulfilled')).toEqual(
      [0, 1, 2, 3, 4, 5, 6, 7, 8].map((n) => n % 3 !== 0),
    );
    expect(await lanes(async () => 'free again')).toBe('free again');
  });
});
