import { describe, expect, it } from 'vitest';
import { judgeRedis, type RedisFacts } from './redis-facts.ts';

const GOOD: RedisFacts = {
  ...{ version: '7.2.4', aof: true, fsync: 'always', eviction: 'noeviction', replicas: 0, memory: null },
  ...{ skewMs: 12, refuses: null, latencyMs: 1 },
};
const judge = (change: Partial<RedisFacts>) => judgeRedis({ ...GOOD, ...change });

describe('what is asked of Redis', () => {
  it('nothing is wrong with a log that is synced for each write and nothing evicted', () => {
    expect(judge({})).toEqual({ faults: [], warnings: [] });
  });

  it.each(['allkeys-lru', 'volatile-ttl'])('%s may drop what was accepted', (eviction) => {
    expect(judge({ eviction }).faults).toEqual([expect.stringMatching(new RegExp(`${eviction}.*noeviction`))]);
  });

  it.each([
    ['6.2.14', 1],
    ['5.0.0', 1],
    ['7.0.0', 0],
    ['7.0.15', 0],
    ['8.2.1', 0],
    ['10.0.0', 0],
  ])('version %s gives %i faults', (version, count) => {
    expect(judge({ version }).faults).toHaveLength(count);
  });

  it('without a log a restart forgets everything', () => {
    expect(judge({ aof: false }).faults).toEqual([expect.stringContaining('appendonly')]);
  });

  it('what works with less than the promise is a warning', () => {
    const warned = (change: Partial<RedisFacts>) => {
      const { faults, warnings } = judge(change);
      expect(faults).toEqual([]);
      return warnings;
    };
    expect(warned({ fsync: 'everysec' })).toEqual([expect.stringContaining('last second')]);
    expect(warned({ fsync: 'no' })).toEqual([expect.stringContaining('half a minute')]);
    expect(warned({ replicas: 1 })).toEqual([expect.stringContaining('failover')]);
    expect(warned({ memory: 0.95 })).toEqual([expect.stringContaining('maxmemory')]);
    expect(warned({ memory: 0.5 })).toEqual([]);
    expect(warned({ skewMs: -2500 })).toEqual([expect.stringContaining('2 s ahead')]);
    expect(warned({ skewMs: 2500 })).toEqual([expect.stringContaining('2 s behind')]);
    expect(warned({ skewMs: 1999 })).toEqual([]);
  });

  it('what a managed Redis does not tell is not known, and no reason to refuse it', () => {
    expect(judge({ fsync: null })).toEqual({ faults: [], warnings: [expect.stringContaining('not known')] });
    const { faults, warnings } = judge({ version: null, aof: null, eviction: null });
    expect([faults, warnings.length]).toEqual([[], 3]);
  });
});
