import { expect, it } from 'vitest';
import { songFileName } from './song-file-name.ts';

const name = (customId: string | null, batchIndex = 7, total = 1000) =>
  songFileName({ batchIndex, customId, id: 'gen_1', format: 'mp3' }, total);

it('songs of a batch are named so that they sort in input order', () => {
  expect(name('morning train')).toBe('007-morning train.mp3');
  expect(name(null, 0, 1)).toBe('0-gen_1.mp3');
});

it('nothing in a custom_id leaves the folder or is refused by a file system', () => {
  expect(name('../../etc/passwd')).toBe('007-.._.._etc_passwd.mp3');
  expect(name('a\\b:c*?"<>|\u202e月')).toBe('007-a_b_c_______月.mp3');
});

it('a long name is cut at the end of a character, below what file systems take', () => {
  const long = name('月'.repeat(128));
  expect(Buffer.byteLength(long)).toBeLessThanOrEqual(255);
  expect(long).toBe(`007-${'月'.repeat(66)}.mp3`);
});
