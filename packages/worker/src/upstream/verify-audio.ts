import { createReadStream } from 'node:fs';
import type { AudioFormat } from '@songmill/shared/contract/models';
import { type IAudioMetadata, parseBuffer, parseStream } from 'music-metadata';
import type { WrittenSong } from './song-file.ts';

export type Verdict =
  | { readonly playable: true; readonly format: AudioFormat; readonly durationMs: number }
  | { readonly playable: false; readonly why: string };

/**
 * Reads a written song as a player would: it counts only when it is MP3 or WAV by its content and
 * lasts longer than nothing. A file is read 64 KiB at a time, which lets other work in between.
 */
export async function verifyAudio(path: string, song: WrittenSong): Promise<Verdict> {
  if (song.bytes === 0) return { playable: false, why: 'it is empty' };
  let found: IAudioMetadata;
  try {
    found = song.whole ? await parseBuffer(song.whole, undefined, OPTIONS) : await parseFileInBlocks(path, song.bytes);
  } catch (error) {
    // The reader throws one class per format for what it cannot read: all mean "no song".
    return { playable: false, why: (error as Error).message.replaceAll(path, 'the song').slice(0, 200) };
  }
  const { container, codec, duration } = found.format;
  const format = formatOf(container, codec);
  if (format === null)
    return { playable: false, why: `it is ${container ?? 'of no known kind'} ${codec ?? ''}`.trim() };
  if (duration === undefined || !Number.isFinite(duration) || duration <= 0) {
    return { playable: false, why: 'it has no length' };
  }
  return { playable: true, format, durationMs: Math.max(1, Math.round(duration * 1000)) };
}

const OPTIONS = { duration: true, skipCovers: true, skipPostHeaders: true } as const;

async function parseFileInBlocks(path: string, size: number): Promise<IAudioMetadata> {
  const stream = createReadStream(path, { highWaterMark: 65_536 });
  try {
    return await parseStream(stream, { size }, OPTIONS);
  } finally {
    stream.destroy();
  }
}

function formatOf(container: string | undefined, codec: string | undefined): AudioFormat | null {
  if (container === 'MPEG' && codec !== undefined && /Layer 3/i.test(codec)) return 'mp3';
  if (container === 'WAVE') return 'wav';
  return null;
}
