import { setTimeout as wait } from 'node:timers/promises';
import type { AcceptedRequest } from '@songmill/shared/contract/generation-rules';
import { modelNamed, takesReferences } from '@songmill/shared/contract/models';
import { freeProbed } from '@songmill/shared/runtime/records/brake';
import { markAnswered, publishGeneration } from '@songmill/shared/runtime/records/publish';
import type { Song } from '@songmill/shared/runtime/records/types';
import { syncFile } from '@songmill/shared/runtime/storage/durable-files';
import { StorageError } from '@songmill/shared/runtime/storage/storage-error';
import { backoffMs } from '../queue/backoff.ts';
import type { WorkerContext } from '../queue/context.ts';
import type { UpstreamResult } from '../upstream/result.ts';

type Answer = Extract<UpstreamResult, { kind: 'song' }>;

export interface Bought {
  readonly id: string;
  readonly token: string;
  readonly request: AcceptedRequest;
  readonly result: Answer;
}

/** What became of a song that was paid for. */
export type Keeping =
  | { readonly outcome: 'kept' }
  /** The process has to leave first. The spool keeps the song, and whoever starts on it next stores it. */
  | { readonly outcome: 'left' }
  /** It is neither in the spool nor in storage, or storage cannot take it ever. */
  | { readonly outcome: 'lost'; readonly why: string };

/** A paid answer becomes a published song: song file, commit file, record. The store is tried again, the call never. */
export async function keepSong(context: WorkerContext, bought: Bought): Promise<Keeping> {
  const { id, token, result } = bought;
  const { upstream, audio } = result;
  const song = songOf(bought);
  // From here on whoever finds this spool can keep the song. Without room for the line it is kept all the same.
  await context.journal
    .write({ event: 'answered', id, token, song, upstream })
    .catch((error: unknown) => context.logger.error({ err: error, generation_id: id }, 'journal'));
  await context.crashPoint('answered', id);
  return keepSpooled(context, { id, token, worker: context.workerId, song, path: audio.path, upstream });
}

export interface Spooled {
  readonly id: string;
  readonly token: string;
  /** Who made the call. */
  readonly worker: string;
  readonly song: Song;
  readonly path: string;
  readonly upstream: Answer['upstream'] | null;
}

/** Stores, commits and publishes a song that is in the spool, whoever has put it there. */
export async function keepSpooled(context: WorkerContext, spooled: Spooled): Promise<Keeping> {
  const { id, token } = spooled;
  const stored = await storeUntilKept(context, spooled);
  if (stored.outcome !== 'kept') return stored;
  const winner = stored.song;
  await context.crashPoint('committed', id);
  // An earlier answer of this generation was committed first: it is the song, ours is a spare.
  if (winner.token !== token) {
    await publishKept(context, { ...spooled, token: winner.token, song: winner, upstream: null });
  }
  await publishKept(context, spooled);
  return { outcome: 'kept' };
}

type Stored =
  /** The song that storage committed for this generation, ours or an earlier one. */
  { readonly outcome: 'kept'; readonly song: Song } | Exclude<Keeping, { outcome: 'kept' }>;

async function storeUntilKept(context: WorkerContext, spooled: Spooled): Promise<Stored> {
  const { storage, logger, settings, giveUp } = context;
  const { id, song, path } = spooled;
  for (let failures = 0; ; failures++) {
    try {
      await storage.store(song.key, path);
      await context.crashPoint('stored', id);
      const commit = await storage.commit({ generation_id: id, song, committed_at: new Date().toISOString() });
      return { outcome: 'kept', song: commit.song };
    } catch (error) {
      logger.error({ err: error, generation_id: id, failures }, 'storing a paid song failed; it stays in the spool');
      if (error instanceof StorageError && error.code === 'damaged') return { outcome: 'lost', why: error.message };
      if (failures === 0) await waitForStorage(context, spooled);
      if (giveUp.aborted) return { outcome: 'left' };
      const pause = Math.max(backoffMs(failures, settings.RETRY_BASE_MS, settings.RETRY_MAX_MS), 50);
      await wait(pause, undefined, { signal: giveUp }).catch(() => undefined);
    }
  }
}

/** Storing may take long from here on: nobody calls again meanwhile, and the spool is to survive a power cut. */
async function waitForStorage(context: WorkerContext, { id, token, worker, upstream, path }: Spooled): Promise<void> {
  const { journal, records, logger } = context;
  await markAnswered(records, { id, token, worker, upstream });
  await Promise.all([syncFile(path), journal.sync()]).catch((error: unknown) =>
    logger.error({ err: error, generation_id: id }, 'a paid song in the spool could not be synced'),
  );
}

type Kept = Pick<Spooled, 'id' | 'token' | 'worker' | 'song' | 'upstream'>;

async function publishKept(context: WorkerContext, { id, token, worker, song, upstream }: Kept): Promise<void> {
  const { records, storage, journal, logger } = context;
  const answer = await publishGeneration(records, { id, token, worker, song, upstream });
  if (answer.lifted) await freeProbed(records);
  if (answer.outcome === 'gone') {
    await journal.noteWithoutRecord({ id, token, charge: 'charged' });
    await storage.remove(id);
  }
  // Not waited for by anybody: a restart that misses this line finds the song committed and publishes it again.
  void journal
    .write({ event: 'settled', id, token })
    .catch((error: unknown) => logger.error({ err: error }, 'journal'));
  logger.info({ generation_id: id, token, outcome: answer.outcome, bytes: song.bytes }, 'song stored');
}

function songOf({ id, token, request, result }: Bought): Song {
  const { audio } = result;
  return {
    token,
    key: `${id}/${token}.${audio.format}`,
    kind: kindOf(request),
    format: audio.format,
    bytes: audio.bytes,
    duration_ms: audio.durationMs,
    sha256: audio.sha256,
    trace_id: result.upstream?.trace_id ?? null,
  };
}

/** What the references make: a song of both, the voice alone, or the instrumental alone. Later models make songs. */
export function kindOf(request: AcceptedRequest): Song['kind'] {
  if (!takesReferences(modelNamed(request.model))) return 'song';
  if (request.refer_voice === '') return 'instrumental';
  return request.refer_instrumental === '' ? 'a_cappella' : 'song';
}
