import type { Generation } from '@songmill/shared/contract/generation';

/** What a song of a batch is called on disk, as in the zip: `007-morning-train.mp3`. */
export function fileNameOf(
  song: Pick<Generation, 'batch_index' | 'custom_id' | 'id'>,
  format: string,
  total: number,
): string {
  const digits = String(Math.max(total - 1, 0)).length;
  const index = String(song.batch_index ?? 0).padStart(digits, '0');
  const name = song.custom_id === null ? '' : `-${safe(song.custom_id)}`;
  return `${index}${name}.${format}`;
}

/** Without what file systems refuse or read as something else, and short enough for all of them. */
function safe(name: string): string {
  const bare = name.replaceAll(/[^\p{L}\p{M}\p{N} ._-]/gu, '_').replace(/^[. ]+|[. ]+$/g, '_');
  let short = bare;
  while (Buffer.byteLength(short) > 160) short = [...short].slice(0, -1).join('');
  return short;
}
