/** File systems take 255 bytes; the rest is for the index and the ending. */
const MOST_BYTES = 200;

/** A song of a batch, as its name needs it. */
export interface NamedSong {
  /** Its place in the input, from 0. */
  readonly batchIndex: number;
  readonly customId: string | null;
  readonly id: string;
  readonly format: string;
}

/**
 * `{batch_index, zero-padded}-{custom_id}.{format}`, in a zip as in a folder: sorts in input order and is
 * unique by its index. What file systems refuse in a custom_id becomes `_`; without one the id stands there.
 *
 * @param total items of the batch
 */
export function songFileName({ batchIndex, customId, id, format }: NamedSong, total: number): string {
  const index = String(batchIndex).padStart(String(Math.max(total - 1, 0)).length, '0');
  const safe = (customId ?? id).replaceAll(/[\p{C}\p{Zl}\p{Zp}/\\:*?"<>|]/gu, '_');
  return `${index}-${cut(safe)}.${format}`;
}

/** At the end of a character. */
function cut(text: string): string {
  const encoder = new TextEncoder();
  let bytes = 0;
  let end = 0;
  for (const character of text) {
    bytes += encoder.encode(character).length;
    if (bytes > MOST_BYTES) break;
    end += character.length;
  }
  return text.slice(0, end);
}
