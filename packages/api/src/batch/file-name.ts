import type { GenerationRecord } from '@songmill/shared/runtime/records/types';

/** File systems take 255 bytes; the rest is for the index and the ending. */
const MOST_BYTES = 200;

/**
 * `{batch_index, zero-padded}-{custom_id}.{format}`: sorts in input order and is unique by its index.
 * What file systems refuse in a custom_id becomes `_`; without one the id stands there.
 *
 * @param total items of the batch
 */
export function fileName(record: GenerationRecord, total: number): string {
  const index = String(record.batchIndex ?? 0).padStart(String(Math.max(total - 1, 0)).length, '0');
  const name = record.request.custom_id ?? record.id;
  const safe = name.replaceAll(/[\p{C}\p{Zl}\p{Zp}/\\:*?"<>|]/gu, '_');
  return `${index}-${cut(safe)}.${record.song?.format ?? 'mp3'}`;
}

/** At the end of a character. */
function cut(text: string): string {
  let bytes = 0;
  let end = 0;
  for (const character of text) {
    bytes += Buffer.byteLength(character);
    if (bytes > MOST_BYTES) break;
    end += character.length;
  }
  return text.slice(0, end);
}
