import { createReadStream } from 'node:fs';
import { type IAudioMetadata, parseBuffer, parseStream } from 'music-metadata';
import type { AudioFormat } from '../contract/models.ts';

export type Verdict =
  | { readonly playable: true; readonly format: AudioFormat; readonly durationMs: number }
  | { readonly playable: false; readonly why: string };

/** A file, or all of its bytes where they are at hand. */
export interface AudioSource {
  readonly path: string;
  readonly bytes: number;
  readonly whole?: Uint8Array | null;
}

/**
 * Reads audio as a player would: it counts only when it is MP3 or WAV by its content, whatever its name,
 * and lasts longer than nothing. A file is read 64 KiB at a time, which lets other work in between.
 */
export async function readAudio({ path, bytes, whole }: AudioSource): Promise<Verdict> {
  if (bytes === 0) return { playable: false, why: 'it is empty' };
  let found: IAudioMetadata;
  try {
    found = whole ? await parseBuffer(whole, undefined, OPTIONS) : await parseFileInBlocks(path, bytes);
  } catch (error) {
    // The reader throws one class per format for what it cannot read: all mean "no audio".
    return { playable: false, why: (error as Error).message.replaceAll(path, 'the file').slice(0, 200) };
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
