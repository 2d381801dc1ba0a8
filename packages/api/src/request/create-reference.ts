import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { REFERENCE_AT_MOST_MS, REFERENCE_LONGER_THAN_MS } from '@songmill/shared/contract/reference';
import { readAudio } from '@songmill/shared/runtime/audio-file';
import { newId, newToken } from '@songmill/shared/runtime/ids';
import { acceptReference, readReference } from '@songmill/shared/runtime/records/references';
import { StorageError } from '@songmill/shared/runtime/storage/storage-error';
import type { ApiContext, Call, Faults } from '../context.ts';
import { ProblemError, ValidationError } from '../errors.ts';
import { sendJson } from './answer.ts';
import { idempotencyKey, idempotencyOf, keyReused, REPLAYED } from './idempotency.ts';
import { noQuery } from './query.ts';
import { receiveReference } from './reference-form.ts';
import { noSuchReference, referenceUrl } from './with-reference.ts';

/** `POST /v1/references`: receive, judge by content, store, record, answer, then hand the pointer to the queue. */
export async function createReference(ctx: ApiContext, call: Call): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'songmill-reference-'));
  try {
    await receiveAndRecord(ctx, call, join(folder, 'file'));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function receiveAndRecord(ctx: ApiContext, call: Call, path: string): Promise<void> {
  const { store, storage, settings } = ctx;
  const faults: Faults = [];
  const sent = idempotencyKey(call, faults);
  noQuery(call, faults);
  const { purpose, file } = await receiveReference(call, { path, mostBytes: settings.MAX_REFERENCE_BYTES, faults });
  const audio = file === null ? null : await judge(path, file.bytes, faults);
  if (purpose === null || file === null || audio === null || faults.length > 0) throw new ValidationError(faults);

  const id = newId('ref');
  const key = `${id}/${newToken()}.${audio.format}`;
  await stored(() => storage.store(key, path, { withName: true }));
  let kept = false;
  try {
    const answer = await acceptReference(store, {
      ...{ id, key, project: call.principal.project, purpose, durationMs: audio.durationMs },
      ...{ filename: file.filename, bytes: file.bytes, sha256: file.sha256 },
      idempotency: idempotencyOf(call, sent, { purpose, sha256: file.sha256 }),
    });
    if (answer.outcome === 'key_reused') throw keyReused();
    kept = answer.outcome === 'accepted';
    const reference = await readReference(store, answer.outcome === 'replayed' ? answer.id : id);
    if (reference === null) {
      if (answer.outcome === 'accepted') throw noSuchReference();
      throw new ProblemError('gone', `${answer.id} was made with this key and deleted since`);
    }
    const location = { Location: referenceUrl(ctx, reference.id) };
    sendJson(call, 202, reference, answer.outcome === 'replayed' ? { ...location, ...REPLAYED } : location);
    if (answer.outcome === 'accepted') ctx.uploads.add(answer.pointer);
  } catch (error) {
    // Redis may have recorded what it could not acknowledge any more: then the file must stay.
    kept ||= !(error instanceof ProblemError);
    throw error;
  } finally {
    if (!kept) {
      await storage
        .remove(id)
        .catch((error: unknown) => ctx.logger.warn({ err: error, reference_id: id }, 'file not removed'));
    }
  }
}

/** By what is in the file; its name and its Content-Type are nobody's word. */
async function judge(path: string, bytes: number, faults: Faults) {
  const audio = await readAudio({ path, bytes });
  if (!audio.playable) {
    faults.push({ field: 'file', code: 'not_audio', message: `neither wav nor mp3: ${audio.why}` });
    return null;
  }
  const seconds = (audio.durationMs / 1000).toFixed(1);
  if (audio.durationMs <= REFERENCE_LONGER_THAN_MS) {
    faults.push({ field: 'file', code: 'too_short', message: `${seconds} s; it must be longer than 10 s` });
  } else if (audio.durationMs > REFERENCE_AT_MOST_MS) {
    faults.push({ field: 'file', code: 'too_long', message: `${seconds} s; at most 10 minutes` });
  }
  return audio;
}

async function stored(store: () => Promise<void>): Promise<void> {
  try {
    await store();
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    throw new ProblemError('storage_unavailable', 'the storage cannot be written to now', {
      headers: { 'Retry-After': '5' },
      cause: error,
    });
  }
}
