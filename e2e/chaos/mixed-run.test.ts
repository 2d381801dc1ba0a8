import { describe, expect, it } from 'vitest';
import { requires } from '@songmill/shared/testing/requires';
import { possibleKinds } from './kinds.ts';
import { runMixed } from './mixed-run.ts';

describe('the fault suite', requires('redis-server|valkey-server'), () => {
  it('fault: a run with a fault of each kind loses no song, publishes none twice and keeps every paid call on record', async () => {
    const lines: string[] = [];
    const log = (line: string) => void lines.push(line);
    const kinds = possibleKinds(log);
    const run = await runMixed({ seed: 7, jobs: 100, faults: kinds.length, kinds, log });
    expect(run.failures, lines.join('\n')).toEqual([]);
    expect(run.verdict?.figures).toMatchObject({ lost: 0, double_published: 0, calls_without_record: 0 });
  });
});
