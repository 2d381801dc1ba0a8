import { setTimeout as wait } from 'node:timers/promises';
import type { AcceptedRequest } from '@songmill/shared/contract/generation-rules';
import { modelNamed, takesReferences } from '@songmill/shared/contract/models';
import { freeProbed } from '@songmill/shared/runtime/records/brake';
import { markAnswered, publishGeneration } from '@songmill/shared/runtime/records/publish';
import type { Song } from '@songmill/shared/runtime/records/types';
import { backoffMs } from '../queue/backoff.ts';
import type { WorkerContext } from '../queue/context.ts';
import type { Move } from '../queue/move.ts';
import type { UpstreamResult } from '../upstream/result.ts';

type Answer = Extract<UpstreamResult, { kind: 'song' }>;

export interface Bought {
  readonly id: string;
  readonly token: string;
  readonly request: AcceptedRequest;
  readonly result: Answer;
}

/** A paid answer becomes a published song: song file, commit file, record. The store is tried again, the call never. */
export async function keepSong(context: WorkerContext, bought: Bought): Promise<Move> {
  const { id, token, result } = bought;
  const song = songOf(bought);
  await context.crashPoint('answered', id);
  const winner = await storeUntilKept(context, { id, token, song, path: result.audio.path, upstream: result.upstream });
  // Stopping: the spool keeps the song, and whoever starts on it next stores it.
  if (!winner) return { kind: 'delay', ms: context.settings.WORKER_LEASE_MS, spent: true };
  await context.crashPoint('committed', id);
  // An earlier answer of this generation was committed first: it is the song, ours is a spare.
  if (winner.token !== token) await publishKept(context, { id, token: winner.token, song: winner, upstream: null });
  await publishKept(context, { id, token, song, upstream: result.upstream });
  return { kind: 'finish', spent: true };
}

export interface Spooled {
  readonly id: string;
  readonly token: string;
  readonly song: Song;
  readonly path: string;
  readonly upstream: Answer['upstream'] | null;
}

/** The song that storage committed for this generation, ours or an earlier one; null if the process has to leave first. */
export async function storeUntilKept(context: WorkerContext, spooled: Spooled): Promise<Song | null> {
  const { storage, logger, settings, giveUp } = context;
  const { id, token, song, path, upstream } = spooled;
  for (let failures = 0; ; failures++) {
    try {
      await storage.store(song.key, path);
      await context.crashPoint('stored', id);
      const commit = await storage.commit({ generation_id: id, song, committed_at: new Date().toISOString() });
      return commit.song;
    } catch (error) {
      logger.error({ err: error, generation_id: id, failures }, 'storing a paid song failed; it stays in the spool');
      if (failures === 0) {
        await context.journal.write({ event: 'answered', id, token, song });
        await markAnswered(context.records, { id, token, worker: context.workerId, upstream });
      }
      if (giveUp.aborted) return null;
      const pause = Math.max(backoffMs(failures, settings.RETRY_BASE_MS, settings.RETRY_MAX_MS), 50);
      await wait(pause, undefined, { signal: giveUp }).catch(() => undefined);
    }
  }
}

export async function publishKept(
  context: WorkerContext,
  { id, token, song, upstream }: Omit<Spooled, 'path'>,
): Promise<void> {
  const { records, storage, journal, workerId, logger } = context;
  const answer = await publishGeneration(records, { id, token, worker: workerId, song, upstream });
  // Not waited for by anybody: a restart that misses this line finds the song committed and publishes it again.
  void journal
    .write({ event: 'settled', id, token })
    .catch((error: unknown) => logger.error({ err: error }, 'journal'));
  if (answer.lifted) await freeProbed(records);
  if (answer.outcome === 'gone') await storage.remove(id);
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
