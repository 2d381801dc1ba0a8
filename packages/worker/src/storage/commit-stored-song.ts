import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { basename, extname } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { newToken } from '@songmill/shared/runtime/ids';
import { readGeneration } from '@songmill/shared/runtime/records/read';
import type { Song } from '@songmill/shared/runtime/records/types';
import type { Commit } from '@songmill/shared/runtime/storage/storage';
import type { WorkerContext } from '../queue/context.ts';
import { verifyAudio } from '../upstream/verify-audio.ts';
import { kindOf } from './keep-song.ts';

/**
 * A worker died after it stored a song and before it committed it. The song is whole (storing is a
 * rename of a verified file), so it is looked at once more and committed instead of being bought again.
 *
 * @returns null when nothing playable is stored for this generation
 */
export async function commitStoredSong(context: WorkerContext, id: string): Promise<Commit | null> {
  for (const key of await context.storage.songs(id)) {
    const record = await readGeneration(context.records, id);
    if (record === null) return null;
    const found = await inspect(context, key);
    if (found === null) continue;
    context.logger.warn({ generation_id: id, key }, 'committing a song that a dead worker had stored');
    const song: Song = {
      ...found,
      token: basename(key, extname(key)),
      key,
      kind: kindOf(record.request),
      trace_id: null,
    };
    return context.storage.commit({ generation_id: id, song, committed_at: new Date().toISOString() });
  }
  return null;
}

async function inspect(
  { storage, journal, logger }: WorkerContext,
  key: string,
): Promise<Pick<Song, 'format' | 'bytes' | 'duration_ms' | 'sha256'> | null> {
  const stored = await storage.open(key);
  if (stored === null) return null;
  const copy = journal.pathOf(newToken());
  const hash = createHash('sha256');
  let bytes = 0;
  const measure = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      bytes += chunk.length;
      done(null, chunk);
    },
  });
  try {
    await pipeline(stored.stream, measure, createWriteStream(copy));
    const sha256 = hash.digest('hex');
    const verdict = await verifyAudio(copy, { bytes, sha256, whole: null });
    if (verdict.playable) return { format: verdict.format, bytes, duration_ms: verdict.durationMs, sha256 };
    logger.error({ key, why: verdict.why }, 'a stored song cannot be played');
    return null;
  } finally {
    await rm(copy, { force: true });
  }
}
