import { songFileName } from '@songmill/shared/contract/song-file-name';
import type { BatchRecord } from '@songmill/shared/runtime/records/batch-record';
import { presentGeneration } from '@songmill/shared/runtime/records/present';
import type { GenerationRecord } from '@songmill/shared/runtime/records/types';
import type { ApiContext } from '../context.ts';
import { presentation } from '../request/show-generation.ts';
import { walkItems } from './walk-items.ts';
import type { ZipEntry } from './zip.ts';

/** So many songs go into one zip. */
export const MOST_SONGS = 10_000;

/**
 * The songs of a batch in input order and, at the end, `manifest.jsonl`: a line for each settled item as
 * `format=jsonl` gives it, with `file`, its name in the zip. That is null where there is no song or no more.
 */
export async function* zipEntries(
  ctx: ApiContext,
  batch: BatchRecord,
  { after, wants }: { after: number; wants: (record: GenerationRecord) => boolean },
): AsyncGenerator<ZipEntry> {
  const range = { id: batch.id, total: batch.counts.total, after };
  const nameOf = ({ id, batchIndex, request, song }: GenerationRecord) => {
    const about = { id, batchIndex: batchIndex ?? 0, customId: request.custom_id, format: song?.format ?? 'mp3' };
    return songFileName(about, batch.counts.total);
  };
  const written = new Set<number>();
  for await (const page of walkItems(ctx.store, range)) {
    for (const record of page) {
      const { song, batchIndex } = record;
      if (record.status !== 'succeeded' || song === null || batchIndex === null || !wants(record)) continue;
      if (written.size >= MOST_SONGS) break;
      const file = await ctx.storage.open(song.key);
      if (file === null) continue;
      written.add(batchIndex);
      try {
        yield { name: nameOf(record), open: () => file.stream };
      } finally {
        file.stream.destroy();
      }
    }
  }
  const show = { ...presentation(ctx), queue: null };
  // The records are read again: what was kept of 10,000 of them would be large.
  async function* manifest(): AsyncGenerator<Uint8Array> {
    for await (const page of walkItems(ctx.store, range)) {
      const lines = page.filter(wants).map((record) => {
        const file = written.has(record.batchIndex ?? -1) ? nameOf(record) : null;
        return `${JSON.stringify({ ...presentGeneration(record, show), file })}\n`;
      });
      if (lines.length > 0) yield Buffer.from(lines.join(''));
    }
  }
  yield { name: 'manifest.jsonl', open: manifest };
}
