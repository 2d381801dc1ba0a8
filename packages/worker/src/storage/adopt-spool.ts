import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Part } from '@songmill/shared/runtime/lifecycle';
import { freeProbed } from '@songmill/shared/runtime/records/brake';
import { closeDeadCall } from '@songmill/shared/runtime/records/died';
import { beat, isWorkerLive } from '@songmill/shared/runtime/records/feed';
import { markAnswered } from '@songmill/shared/runtime/records/publish';
import { releaseGeneration } from '@songmill/shared/runtime/records/release';
import { isMissing } from '@songmill/shared/runtime/storage/storage-error';
import type { WorkerContext } from '../queue/context.ts';
import { every } from '../queue/every.ts';
import { putBack } from '../queue/put-back.ts';
import { type JournalLine, readJournal } from './journal.ts';
import { type Keeping, keepSpooled } from './keep-song.ts';
import { lookForOwner } from './owner.ts';

const LOOK_EVERY_MS = 1000;

type Answered = Extract<JournalLine, { event: 'answered' }>;
/** Since when (monotonic ms) workers of which nobody can prove anything have been silent under our eyes. */
type Silent = Map<string, number>;

/** A dead worker's folder that is ours now. */
interface Taken {
  readonly folder: string;
  readonly owner: string;
  readonly lines: readonly JournalLine[];
  /** Tokens of answers whose file lost its end in a power cut. */
  readonly broken: ReadonlySet<string>;
}

/**
 * Takes over what dead workers left in the spool: looks now, and again each second. Whose death this machine can
 * prove is dead at once; of others it waits for the end of their lease.
 */
export function startAdoption(context: WorkerContext): Part {
  const silent: Silent = new Map();
  const loop = every(
    LOOK_EVERY_MS,
    () => adoptSpool(context, silent),
    (error) => context.logger.error({ err: error }, 'spool not adopted'),
  );
  loop.wake();
  return loop;
}

/** A folder is taken by renaming it, so two cannot take the same; a live worker's folder is never read. */
async function adoptSpool(context: WorkerContext, silent: Silent): Promise<void> {
  const { settings, workerId, logger } = context;
  const entries = await readdir(settings.SPOOL_DIR, { withFileTypes: true });
  const ours: Taken[] = [];
  for (const { name } of entries.filter((entry) => entry.isDirectory())) {
    if (name === workerId) continue;
    // An adopter's folder is `<adopter>+<owner>`: should the adopter die, the next one takes it from there.
    const [holder, owner] = [name.split('+')[0]!, name.split('+').at(-1)!];
    const taken = join(settings.SPOOL_DIR, `${workerId}+${owner}`);
    if (holder !== workerId) {
      if (!(await isDead(context, holder, silent))) continue;
      if (!(await take(join(settings.SPOOL_DIR, name), taken))) continue;
      silent.delete(holder);
      logger.info({ owner }, 'adopting the spool of a dead worker');
    }
    ours.push(await markPaid(context, taken, owner));
  }
  for (const each of ours) {
    if (await emptyFolder(context, each)) await rm(each.folder, { recursive: true, force: true });
  }
}

async function isDead({ settings, records }: WorkerContext, worker: string, silent: Silent): Promise<boolean> {
  const seen = await lookForOwner(join(settings.SPOOL_DIR, worker));
  if (seen !== 'unknown') return seen === 'dead';
  // A Redis that forgot all heartbeats knows of none either: so the silence has to last, under our own eyes.
  if (await isWorkerLive(records, worker, settings.WORKER_LEASE_MS)) {
    silent.delete(worker);
    return false;
  }
  const since = silent.get(worker) ?? performance.now();
  silent.set(worker, since);
  return performance.now() - since >= settings.WORKER_LEASE_MS;
}

/** @returns false when somebody else was quicker */
async function take(folder: string, taken: string): Promise<boolean> {
  try {
    await rename(folder, taken);
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

/** Storing may take long, so first of all Redis learns of every answer: from then on nobody calls again for it. */
async function markPaid({ records }: WorkerContext, folder: string, owner: string): Promise<Taken> {
  const lines = await readJournal(folder);
  const broken = new Set<string>();
  for (const line of lines) {
    if (line.event !== 'answered') continue;
    const { id, token, song, upstream = null } = line;
    const sha256 = await sha256Of(join(folder, `${token}.part`));
    // A power cut can leave the line and take the end of the song. A file that has gone is in storage already.
    if (sha256 !== null && sha256 !== song.sha256) broken.add(token);
    else await markAnswered(records, { id, token, worker: owner, upstream });
  }
  return { folder, owner, lines, broken };
}

/** True when nothing of value is left in the folder. Songs come first, so that nobody calls again for them. */
async function emptyFolder(context: WorkerContext, taken: Taken): Promise<boolean> {
  const { lines, owner } = taken;
  for (const line of lines) {
    if (line.event !== 'answered') continue;
    const keeping = await adoptAnswer(context, taken, line);
    if (keeping.outcome === 'left') return false;
    if (keeping.outcome === 'lost') await reportLost(context, owner, line, keeping.why);
  }
  for (const line of lines.filter(({ event }) => event === 'intent')) await reportDead(context, owner, line);
  const { records, settings } = context;
  await beat(records, {
    ...{ worker: owner, concurrency: 0, about: {}, leaves: true },
    ...{ leaseMs: settings.WORKER_LEASE_MS, maxConcurrency: settings.UPSTREAM_MAX_CONCURRENCY },
  });
  return true;
}

async function adoptAnswer(context: WorkerContext, taken: Taken, line: Answered): Promise<Keeping> {
  const { folder, owner, broken } = taken;
  const { id, token, song, upstream = null } = line;
  if (broken.has(token)) return { outcome: 'lost', why: 'its file is not whole' };
  context.logger.warn({ generation_id: id, token }, 'keeping a song that a dead worker had paid for');
  return keepSpooled(context, { id, token, worker: owner, song, path: join(folder, `${token}.part`), upstream });
}

async function sha256Of(path: string): Promise<string | null> {
  const hash = createHash('sha256');
  try {
    await pipeline(createReadStream(path), hash);
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
  return hash.digest('hex');
}

/** Nobody knows what became of this call: it is on record as unknown, and the generation goes on at once. */
async function reportDead(context: WorkerContext, owner: string, line: JournalLine): Promise<void> {
  const { records, settings, journal, logger } = context;
  const { id, token } = line;
  const answer = await closeDeadCall(records, {
    ...{ id, token, worker: owner },
    ...{ maxAttempts: settings.MAX_ATTEMPTS, maxUnknownCharges: settings.MAX_UNKNOWN_CHARGES },
  });
  logger.warn({ generation_id: id, token, owner, ...answer }, 'a call of a dead worker may have been billed');
  if (answer.outcome === 'gone') await journal.noteWithoutRecord({ id, token, charge: 'unknown' });
  else if (answer.status === 'queued') await putBack(context, { id, run: answer.run });
}

/** It was paid for and there is no song. Claims may have waited for it, so they have to be told, too. */
async function reportLost(context: WorkerContext, owner: string, line: Answered, why: string): Promise<void> {
  const { records, settings, journal, logger } = context;
  const { id, token } = line;
  const answer = await releaseGeneration(records, {
    ...{ id, token, worker: owner, kind: 'song_lost', message: `the song was paid for and is lost: ${why}` },
    ...{ upstream: line.upstream ?? null, delayMs: 0, waitReason: 'backoff', hold: null },
    // When the call ended is long ago, so it says nothing about the upstream of now.
    ...{ gaveUp: true, firstProbeMs: settings.ACCOUNT_PROBE_MS },
    breaker: { firstMs: settings.RETRY_BASE_MS, longestMs: settings.RETRY_MAX_MS },
    ...{ maxAttempts: settings.MAX_ATTEMPTS, maxUnknownCharges: settings.MAX_UNKNOWN_CHARGES },
  });
  logger.error({ generation_id: id, token, owner, why, ...answer }, 'a paid song of a dead worker is lost');
  if (answer.outcome === 'gone') {
    await journal.noteWithoutRecord({ id, token, charge: 'charged' });
    return;
  }
  if (answer.lifted) await freeProbed(records);
  if (answer.status === 'queued') await putBack(context, { id, run: answer.run });
}
