import { z } from 'zod';
import { KINDS } from '../../contract/generation.ts';
import { FORMATS } from '../../contract/models.ts';
import { placeOf } from './keys.ts';
import type { Commit } from './storage.ts';
import { StorageError } from './storage-error.ts';

// Later versions may add fields; this one keeps those it knows.
const commitSchema = z.object({
  generation_id: z.string(),
  committed_at: z.string(),
  song: z.object({
    token: z.string(),
    key: z.string(),
    kind: z.enum(KINDS),
    format: z.enum(FORMATS),
    bytes: z.int().min(1),
    duration_ms: z.int().min(1),
    sha256: z.string().regex(/^[0-9a-f]{64}$/),
    trace_id: z.string().nullable(),
  }),
});

export function commitText(commit: Commit): string {
  return `${JSON.stringify(commit)}\n`;
}

/** @throws StorageError `damaged` for text that is no commit of this generation */
export function parseCommit(text: string, generationId: string): Commit {
  try {
    const commit = commitSchema.parse(JSON.parse(text));
    if (commit.generation_id !== generationId || placeOf(commit.song.key).generationId !== generationId) {
      throw new StorageError('damaged', 'it is of another generation');
    }
    return commit;
  } catch (error) {
    throw new StorageError('damaged', `the commit of ${generationId} cannot be read`, error);
  }
}
