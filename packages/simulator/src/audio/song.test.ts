import { parseBuffer } from 'music-metadata';
import { describe, expect, it } from 'vitest';
import { audioSeconds } from '../upload/audio-seconds.ts';
import { BITRATES, composeSong, SAMPLE_RATES, type SongOrder } from './song.ts';

const order: SongOrder = {
  text: 'a song\n',
  seconds: 12,
  bytes: null,
  sampleRate: 44_100,
  bitrate: 256_000,
  format: 'mp3',
};
const combinations = SAMPLE_RATES.flatMap((sampleRate) => BITRATES.map((bitrate) => ({ sampleRate, bitrate })));

describe('composeSong', () => {
  it.each(combinations)(
    'an MP3 of $sampleRate Hz and $bitrate bit/s plays as long as ordered',
    async ({ sampleRate, bitrate }) => {
      const song = await composeSong({ ...order, sampleRate, bitrate });
      const file = Buffer.concat(song.raw);
      const { format } = await parseBuffer(file, { mimeType: 'audio/mpeg' }, { duration: true });
      expect(file.length).toBe(song.bytes);
      expect(format.sampleRate).toBe(sampleRate);
      expect(format.bitrate).toBe(song.bitrate);
      expect(song.bitrate).toBe(sampleRate < 32_000 ? Math.min(bitrate, 160_000) : bitrate);
      expect(format.duration).toBeCloseTo(12, 1);
      expect(song.durationMs / 1000).toBeCloseTo(format.duration ?? 0, 1);
      expect(audioSeconds(file)).toBeCloseTo(12, 1);
    },
  );

  it('a WAV holds stereo samples for as long as ordered', async () => {
    const song = await composeSong({ ...order, format: 'wav' });
    const file = Buffer.concat(song.raw);
    const { format } = await parseBuffer(file, { mimeType: 'audio/wav' }, { duration: true });
    expect(format).toMatchObject({ container: 'WAVE', sampleRate: 44_100, numberOfChannels: 2, bitsPerSample: 16 });
    expect(format.duration).toBeCloseTo(12, 1);
    expect(audioSeconds(file)).toBeCloseTo(12, 1);
  });

  it('two texts give different notes, not only different titles', async () => {
    const songs = await Promise.all(
      ['one', 'two', 'ane', '一首歌', 'one '].map((text) => composeSong({ ...order, text })),
    );
    const notes = songs.map((song) => Buffer.concat(song.raw.slice(1)).toString('base64'));
    expect(new Set(notes).size).toBe(songs.length);
  });

  it('the same text gives the same bytes', async () => {
    const [one, two] = await Promise.all([composeSong(order), composeSong(order)]);
    expect(Buffer.concat(one.raw).equals(Buffer.concat(two.raw))).toBe(true);
  });

  it('the hex pieces are the bytes in lower case', async () => {
    const song = await composeSong(order);
    expect(Buffer.concat(song.hex).toString('latin1')).toBe(Buffer.concat(song.raw).toString('hex'));
  });

  it('is the size of its constant bitrate plus about 2 KB of tags, as in the documented example', async () => {
    const song = await composeSong({ ...order, seconds: 25.364 });
    expect(Math.abs(song.bytes - 813_651)).toBeLessThan(2000);
  });

  it('an order by size gives a song of about that size', async () => {
    const song = await composeSong({ ...order, bytes: 16_384 });
    expect(song.bytes).toBeLessThanOrEqual(16_384);
    expect(song.bytes).toBeGreaterThan(15_000);
    const { format } = await parseBuffer(Buffer.concat(song.raw), { mimeType: 'audio/mpeg' }, { duration: true });
    expect(format.duration).toBeGreaterThan(0.3);
  });

  it('frames that are joined need no data of their neighbours', async () => {
    const song = await composeSong(order);
    const audio = Buffer.concat(song.raw.slice(1));
    for (let at = 0; at < audio.length; at += 835) {
      expect(audio.readUInt16BE(at)).toBe(0xfffb);
      // main_data_begin: the first nine bits of the side information.
      expect(audio.readUInt16BE(at + 4) >> 7).toBe(0);
    }
  });
});
