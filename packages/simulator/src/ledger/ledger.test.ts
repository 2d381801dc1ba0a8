import { appendFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Ledger, type LedgerEntry, type LedgerLine } from './ledger.ts';
import { summarizeLedger } from './summary.ts';

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'songmill-ledger-'));
  path = join(folder, 'deep', 'ledger.jsonl');
});
afterEach(async () => rm(folder, { recursive: true, force: true }));

const entry = (event: LedgerEntry['event'], call: string): LedgerEntry => ({
  event,
  call,
  key: '1234',
  path: '/p',
  lyrics_sha256: 'aa',
  lyrics: 'la',
});

describe('Ledger', () => {
  it('a durable line is in the file when its promise resolves', async () => {
    const ledger = await Ledger.open(path);
    await ledger.appendDurably(entry('charge', 'a'));
    expect(await readFile(path, 'utf8')).toContain('"event":"charge"');
    await ledger.close();
  });

  it('lines stand in the order in which they were added', async () => {
    const ledger = await Ledger.open(path);
    const durable = Array.from({ length: 200 }, async (_, i) => {
      ledger.append(entry('call', String(i)));
      await ledger.appendDurably(entry('charge', String(i)));
    });
    await Promise.all(durable);
    await ledger.close();
    const numbers = (await readFile(path, 'utf8'))
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as LedgerLine).n);
    expect(numbers).toEqual(Array.from({ length: 400 }, (_, i) => i + 1));
  });

  it('goes on after a torn last line, which readers skip', async () => {
    const first = await Ledger.open(path);
    await first.appendDurably(entry('call', 'a'));
    await first.close();
    await appendFile(path, '{"n":2,"event":"charge","ca');
    const seen: LedgerLine[] = [];
    const second = await Ledger.open(path, (line) => seen.push(line));
    await second.appendDurably(entry('charge', 'b'));
    await second.close();
    expect(seen.map((line) => line.call)).toEqual(['a']);
    expect(await summarizeLedger(path, 0)).toMatchObject({ calls: 1, charges: 1, last: 2 });
    expect((await readFile(path, 'utf8')).split('\n')).toHaveLength(4);
  });

  it('a write that fails is told to whoever waits for it, and to all who come later', async () => {
    const ledger = await Ledger.open('/dev/full');
    await expect(ledger.appendDurably(entry('charge', 'a'))).rejects.toThrow('ENOSPC');
    await expect(ledger.appendDurably(entry('charge', 'b'))).rejects.toThrow('ENOSPC');
  });
});

describe('summarizeLedger', () => {
  it('tells refusals from answers of accepted calls, and counts by lyrics after a line', async () => {
    const ledger = await Ledger.open(path);
    for (const event of ['call', 'charge', 'answer'] as const) ledger.append(entry(event, 'a'));
    ledger.append({ ...entry('answer', 'refused'), code: 1002 });
    await ledger.settled();
    const counts = { calls: 1, charges: 1, answers: 1, refusals: 1, gone: 0 };
    expect(await summarizeLedger(path, 0)).toMatchObject({ ...counts, by_lyrics: { aa: { ...counts, lyrics: 'la' } } });
    expect(await summarizeLedger(path, 2)).toMatchObject({ calls: 0, charges: 0, answers: 1, refusals: 1, last: 4 });
    await ledger.close();
  });
});
