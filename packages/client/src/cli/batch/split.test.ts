import { codePoints } from '@songmill/shared/contract/generation-rules';
import { describe, expect, it } from 'vitest';
import { splitItem, splitLyrics } from './split.ts';

const words = (text: string) => text.replaceAll('##', '').split(/\s+/).filter(Boolean);

describe('lyrics that are too long', () => {
  it('are cut between stanzas, as many in a part as there is room for', () => {
    expect(splitLyrics('a a\nb b\n\nc c\n\nd d', 12)).toEqual(['a a\nb b\n\nc c', 'd d']);
    expect(splitLyrics('a a\nb b\r\n\r\nc c', 8)).toEqual(['a a\nb b', 'c c']);
  });

  it('are cut between lines when a stanza is too long, then between words, then anywhere', () => {
    expect(splitLyrics('one two\nthree four\n\nfive', 10)).toEqual(['one two', 'three four', 'five']);
    expect(splitLyrics('one two three', 8)).toEqual(['one two', 'three']);
    expect(splitLyrics('月光洒在窗台上影子', 4)).toEqual(['月光洒在', '窗台上影', '子']);
    expect(splitLyrics('😀😀😀', 2)).toEqual(['😀😀', '😀']);
  });

  it('keep their marks of accompaniment around every part, which count', () => {
    const parts = splitLyrics('##one two\n\nthree four##', 14);
    expect(parts).toEqual(['##one two##', '##three four##']);
  });

  it('lose no word, and no part is too long or empty', () => {
    const verse = 'la la la river of light\nturning all night, turning all night';
    const long = `##${Array(40).fill(verse).join('\n\n')}\n\n${'x'.repeat(700)} end##`;
    const parts = splitLyrics(long, 200);
    expect(parts.every((part) => codePoints(part) <= 200 && part.startsWith('##') && part.endsWith('##'))).toBe(true);
    expect(parts.map(words).flat().join('')).toBe(words(long).join(''));
    expect(parts.length).toBeLessThan(25);
  });

  it('become numbered items that share metadata.song; what is short stays as it is', () => {
    const item = { lyrics: 'one two\n\nthree', custom_id: 'river', metadata: { mood: 'calm' }, refer_voice: 'v' };
    expect(splitItem(item, 100, 'line-2')).toEqual([item]);
    expect(splitItem(item, 8, 'line-2')).toEqual([
      {
        ...item,
        lyrics: 'one two',
        custom_id: 'river-1',
        metadata: { mood: 'calm', song: 'river', part: '1', parts: '2' },
      },
      {
        ...item,
        lyrics: 'three',
        custom_id: 'river-2',
        metadata: { mood: 'calm', song: 'river', part: '2', parts: '2' },
      },
    ]);
    expect(splitItem({ lyrics: 'one two' }, 3, 'line-2').map((part) => part['custom_id'])).toEqual([
      'line-2-1',
      'line-2-2',
    ]);
  });
});
