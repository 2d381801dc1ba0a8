import { describe, expect, it } from 'vitest';
import { plain } from './output.ts';
import { barOf, createProgress, spanOf } from './progress.ts';

function written(terminal: boolean, columns = 80) {
  const texts: string[] = [];
  const stderr = { isTTY: terminal, columns, write: (text: string) => texts.push(text) };
  let nowMs = 0;
  const progress = createProgress({ stderr: stderr as unknown as NodeJS.WriteStream }, () => nowMs);
  return { texts, progress, pass: (ms: number) => (nowMs += ms) };
}

describe('progress', () => {
  it('is one line that changes on a terminal, never wider than it', () => {
    const { texts, progress } = written(true, 30);
    progress.show('1 of 2');
    progress.show('x'.repeat(100));
    progress.done();
    progress.done();
    expect(texts).toEqual(['\r\u001b[2K1 of 2', `\r\u001b[2K${'x'.repeat(29)}`, '\n']);
  });

  it('is a plain line now and then elsewhere, and the last one is always told', () => {
    const { texts, progress, pass } = written(false);
    progress.show('1 of 3');
    progress.show('2 of 3');
    pass(6000);
    progress.show('2 of 3');
    progress.show('3 of 3');
    progress.done();
    progress.done();
    expect(texts).toEqual(['1 of 3\n', '2 of 3\n', '3 of 3\n']);
  });

  it('says spans as people do', () => {
    expect([7, 89, 100, 5400, 8000].map(spanOf)).toEqual(['7 s', '89 s', '2 min', '1 h 30 min', '2 h 13 min']);
    expect(barOf(1, 4, 8)).toBe('[##......]');
    expect(barOf(0, 0, 2)).toBe('[##]');
  });

  it('texts of others do not steer the terminal', () => {
    expect(plain('a\u001b[2Jb\u009b1m\rc\nd')).toBe('a [2Jb 1m c\nd');
  });
});
