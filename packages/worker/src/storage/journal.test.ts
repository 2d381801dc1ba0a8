import { appendFile, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openJournal, readJournal } from './journal.ts';

let spool: string;
beforeEach(async () => {
  spool = await mkdtemp(join(tmpdir(), 'sgm-'));
});
afterEach(() => rm(spool, { recursive: true }));

const lines = async () =>
  (await readFile(join(spool, 'wrk_1', 'journal.jsonl'), 'utf8'))
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as { event: string; token: string });

describe('the journal', () => {
  it('has a line on disk once writing it has resolved, also when many are written at once', async () => {
    const journal = await openJournal(spool, 'wrk_1');
    await Promise.all(
      Array.from({ length: 100 }, (_, i) => journal.write({ event: 'intent', id: 'gen_1', token: `t${i}` })),
    );
    expect((await lines()).map(({ token }) => token).toSorted()).toEqual(
      Array.from({ length: 100 }, (_, i) => `t${i}`).toSorted(),
    );
    await journal.stop();
  });

  it('stays where it is while an attempt is open, and goes when none is', async () => {
    const journal = await openJournal(spool, 'wrk_1');
    await journal.write({ event: 'intent', id: 'gen_1', token: 'a' });
    await journal.stop();
    expect(await readdir(spool)).toEqual(['wrk_1']);
    const other = await openJournal(spool, 'wrk_2');
    await other.write({ event: 'intent', id: 'gen_1', token: 'b' });
    await other.write({ event: 'settled', id: 'gen_1', token: 'b' });
    await other.stop();
    expect(await readdir(spool)).toEqual(['wrk_1']);
  });

  it('does not grow without end: only what is open outlives its size', async () => {
    const journal = await openJournal(spool, 'wrk_1', 2000);
    await journal.write({ event: 'intent', id: 'gen_1', token: 'open' });
    for (let i = 0; i < 100; i++) {
      await journal.write({ event: 'intent', id: 'gen_1', token: `t${i}` });
      await journal.write({ event: 'settled', id: 'gen_1', token: `t${i}` });
    }
    const kept = await lines();
    expect(kept.length).toBeLessThan(40);
    expect(kept[0]).toMatchObject({ event: 'intent', token: 'open' });
    await journal.stop();
  });

  it('tells what is open from a file that breaks off, in the middle too', async () => {
    const journal = await openJournal(spool, 'wrk_1');
    await journal.write({ event: 'intent', id: 'gen_1', run: 1, token: 'open' });
    await appendFile(join(journal.folder, 'journal.jsonl'), '{"at":"2026-11-22T10:00:00.000Z","event":"set\n');
    await journal.write({ event: 'intent', id: 'gen_2', run: 1, token: 'done' });
    await journal.write({ event: 'settled', id: 'gen_2', token: 'done' });
    await journal.write({ event: 'intent', id: 'gen_3', run: 2, token: 'new' });
    await appendFile(join(journal.folder, 'journal.jsonl'), '{"at":"2026-11-22T10:00:00.000Z","event":"settled","id');
    expect((await readJournal(journal.folder)).map(({ token }) => token)).toEqual(['open', 'new']);
    await journal.stop();
  });
});
