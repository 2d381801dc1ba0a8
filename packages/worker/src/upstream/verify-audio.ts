import { readAudio, type Verdict } from '@songmill/shared/runtime/audio-file';
import type { WrittenSong } from './song-file.ts';

/** Whether a written song is one: from memory where it is still there whole, else from its file. */
export function verifyAudio(path: string, song: WrittenSong): Promise<Verdict> {
  return readAudio({ path, bytes: song.bytes, whole: song.whole });
}
