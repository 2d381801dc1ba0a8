import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { requires } from '@songmill/shared/testing/requires';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type KeptResult, keep, readCommitted, readKept } from './last.ts';
import { benchmarksPage } from './report.ts';
import { spreadOf } from './rounds.ts';

const machine = { cpu: 'a', cores: 2, memory: '4 GiB', kernel: 'k', disk: 'ext4', node: 'v24', redis: '7' };

function result(id: string, ours: number): KeptResult {
  const ratio = spreadOf([ours / 1000]);
  const about = { at: '2026-01-31T12:00:00.000Z', commit: 'abc1234', machine, loadBefore: 0.2 };
  const floor = {
    floorIs: 'less',
    floor: spreadOf([1000]),
    cpuMicros: { floor: 100, ours: 150 },
    aim: '≥ 0.8',
    reached: ours >= 800,
  };
  return {
    id,
    row: 'accept',
    what: 'accepting',
    unit: 'per second',
    ours: spreadOf([ours]),
    ratio,
    ...floor,
    ...about,
  };
}

describe('results that are kept', () => {
  let root: string;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'sgm-'));
    mkdirSync(join(root, 'bench'));
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  it('are none at first, and stay when another row is measured', async () => {
    expect(await readKept(root)).toEqual({});
    await keep(root, [result('one', 900), result('two', 500)]);
    await keep(root, [result('two', 700)]);
    expect(await readKept(root)).toEqual({ one: result('one', 900), two: result('two', 700) });
  });

  it('are in the folder’s file as the formatter would write it', async () => {
    await keep(root, [result('one', 900)]);
    // Lists of numbers are what it would join on one line.
    expect(readFileSync(join(root, 'bench', 'last.json'), 'utf8')).not.toContain('[');
  });

  it('are judged by the last commit, however often a worse one is measured since', requires('git'), async () => {
    const git = (...args: string[]) =>
      execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@b', ...args], { cwd: root });
    git('init', '-q');
    await keep(root, [result('one', 900)]);
    git('add', 'bench/last.json');
    git('commit', '-q', '-m', 'bench');
    await keep(root, [result('one', 300)]);
    expect((await readCommitted(root))['one']?.ours.median).toBe(900);
  });
});

it('the page tells floor, ours, ratio and aim of each result, and the machine once', () => {
  const page = benchmarksPage({ one: result('one', 900), two: result('two', 500) });
  expect(page).toContain('| accepting (`one`) | 1,000: less | 900 | **0.90** |  | 100 → 150 µs | ≥ 0.8 | yes |');
  expect(page).toContain('| accepting (`two`) | 1,000: less | 500 | **0.50** |  | 100 → 150 µs | ≥ 0.8 | not yet |');
  expect(page.match(/Machine: a, 2 cores, 4 GiB/g)).toHaveLength(1);
  expect(page).toContain('| `one`, `two` | 0.2 | below |');
});

it('the page has as many cells in every row of a table as in its head', () => {
  const lines = benchmarksPage({ one: result('one', 900) }).split('\n');
  const widths = lines.map((line) => (line.startsWith('|') ? line.split('|').length : 0));
  for (const [at, width] of widths.entries()) {
    if (width > 0 && widths[at - 1]! > 0) expect(width, lines[at]).toBe(widths[at - 1]);
  }
  expect(widths.filter((width) => width > 0)).toHaveLength(6);
});
