import type { AcceptedRequest } from '@songmill/shared/contract/generation-rules';
import { newToken } from '@songmill/shared/runtime/ids';
import type { Pointer } from '@songmill/shared/runtime/queues';
import { claimGeneration } from '@songmill/shared/runtime/records/claim';
import { publishGeneration } from '@songmill/shared/runtime/records/publish';
import { StorageError } from '@songmill/shared/runtime/storage/storage-error';
import { commitStoredSong } from '../storage/commit-stored-song.ts';
import { keepSong } from '../storage/keep-song.ts';
import type { UpstreamResult } from '../upstream/result.ts';
import { giveBack } from './give-back.ts';
import { giveBackUncalled } from './give-back-uncalled.ts';
import { insist } from './insist.ts';
import type { WorkerContext } from './context.ts';
import type { Move } from './move.ts';

/** Looked at again this often while a paid song could not be stored. */
const STORAGE_RECHECK_MS = 5000;

/**
 * One pick-up of one generation, as a pipeline: already paid for? → room for a song? → claim → call →
 * keep or give back. It throws only before the claim, or when the process has to leave: from the claim on, what
 * cannot be written down is tried again, so that no intent of a living worker is ever left open.
 */
export async function runGeneration(context: WorkerContext, pointer: Pointer): Promise<Move> {
  const bought = await lookForBought(context, pointer);
  if (bought) return bought;
  const { stop } = await context.foundations.look();
  if (stop !== null) {
    return { kind: 'brake', ms: STORAGE_RECHECK_MS, reason: 'storage', spent: false };
  }
  const { id } = pointer;
  const token = newToken();
  const claim = await insist(context, id, () => claimForCall(context, pointer, token));
  if ('kind' in claim) return claim;
  const { request, counted } = claim;
  const result = await callUpstream(context, pointer, token, request, claim.modelHasWorked);
  if (result === null) {
    const message = 'the worker could not write to its spool, so no call was made';
    return insist(context, id, () => giveBackUncalled(context, { id, token, kind: 'not_sent', message }));
  }
  if (result.kind !== 'song') {
    return insist(context, id, () => giveBack(context, { id, token, counted, model: request.model, result }));
  }
  const kept = await insist(context, id, () => keepSong(context, { id, token, request, result }));
  switch (kept.outcome) {
    case 'kept':
      await context.crashPoint('published', id);
      return { kind: 'finish', spent: true };
    case 'left':
      return { kind: 'delay', ms: context.settings.WORKER_LEASE_MS, spent: true };
    case 'lost': {
      const lost = { ...result, kind: 'song_lost', message: `the song was paid for and is lost: ${kept.why}` } as const;
      return insist(context, id, () => giveBack(context, { id, token, counted, model: request.model, result: lost }));
    }
  }
}

/** While the storage cannot be asked nothing is bought: the whole queue waits, in order, and says why. */
async function lookForBought(context: WorkerContext, pointer: Pointer): Promise<Move | null> {
  const { id } = pointer;
  try {
    return await publishBoughtBefore(context, id);
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    if (error.code === 'damaged') return failDamaged(context, pointer, error);
    if (await canStore(context)) throw error;
    context.logger.error({ err: error, generation_id: id }, 'the storage cannot be used; nothing is bought');
    return { kind: 'brake', ms: STORAGE_RECHECK_MS, reason: 'storage', spent: false };
  }
}

/** It has been bought once already, and looking again would find the same: a person has to put the storage right. */
async function failDamaged(context: WorkerContext, pointer: Pointer, error: StorageError): Promise<Move> {
  const { id } = pointer;
  const token = newToken();
  const message = `no call was made: ${error.message}; remove or restore its result.json in storage, then retry`;
  context.logger.error({ err: error, generation_id: id }, 'what storage holds for a generation is damaged');
  const claim = await insist(context, id, () => claimForCall(context, pointer, token));
  if ('kind' in claim) return claim;
  return insist(context, id, () => giveBackUncalled(context, { id, token, kind: 'commit_damaged', message }));
}

/** Trouble with one song alone must not stop the others. */
function canStore({ storage }: WorkerContext): Promise<boolean> {
  return storage.check().then(
    () => true,
    () => false,
  );
}

/** Storage holds the commit: a song bought before a crash, or before Redis forgot, is never bought again. */
async function publishBoughtBefore(context: WorkerContext, id: string): Promise<Move | null> {
  const commit = (await context.storage.readCommit(id)) ?? (await commitStoredSong(context, id));
  if (!commit) return null;
  const { song } = commit;
  const answer = await publishGeneration(context.records, {
    id,
    token: song.token,
    worker: context.workerId,
    song,
    upstream: null,
  });
  context.logger.info({ generation_id: id, outcome: answer.outcome }, 'published a song that was already stored');
  if (answer.outcome === 'gone') await context.storage.remove(id);
  return { kind: 'finish', spent: false };
}

async function claimForCall(context: WorkerContext, pointer: Pointer, token: string) {
  const { settings, records, workerId } = context;
  const claim = await claimGeneration(records, {
    id: pointer.id,
    run: pointer.run,
    token,
    worker: workerId,
    leaseMs: settings.WORKER_LEASE_MS,
    longestCallMs: settings.UPSTREAM_TIMEOUT_MS,
    maxAttempts: settings.MAX_ATTEMPTS,
    maxUnknownCharges: settings.MAX_UNKNOWN_CHARGES,
  });
  switch (claim.outcome) {
    case 'claimed':
      return claim;
    case 'gone':
    case 'done':
    case 'settled':
      return { kind: 'finish', spent: false } satisfies Move;
    case 'early':
    case 'busy':
    case 'yield':
      return { kind: 'delay', ms: claim.ms, spent: false } satisfies Move;
    case 'held':
      // A held account and an upstream out of reach stop everything; a held model only those who ask for it.
      return claim.scope === 'account' || claim.scope === 'upstream'
        ? ({ kind: 'brake', ms: claim.ms, reason: claim.scope, spent: false } satisfies Move)
        : ({ kind: 'delay', ms: claim.ms, spent: false } satisfies Move);
  }
}

/** Null when no call was made, because the journal could not take its intent. */
async function callUpstream(
  context: WorkerContext,
  pointer: Pointer,
  token: string,
  request: AcceptedRequest,
  modelHasWorked: boolean,
): Promise<UpstreamResult | null> {
  const { journal, logger, upstream } = context;
  const { id } = pointer;
  const spoolPath = journal.pathOf(token);
  try {
    await context.crashPoint('claimed', id);
    await journal.write({ event: 'intent', id, run: pointer.run, token });
    await context.crashPoint('intent-written', id);
  } catch (error) {
    logger.error(
      { err: error, generation_id: id },
      'the call is not made: its intent could not be written to the journal',
    );
    return null;
  }
  const started = performance.now();
  const result = await upstream.generate({ request, spoolPath, modelHasWorked, signal: context.giveUp });
  logger.info(
    {
      generation_id: id,
      token,
      kind: result.kind,
      upstream: result.upstream,
      duration_ms: Math.round(performance.now() - started),
    },
    'upstream call ended',
  );
  return result;
}
