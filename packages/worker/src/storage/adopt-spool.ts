import { readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Part } from '@songmill/shared/runtime/lifecycle';
import { isWorkerLive } from '@songmill/shared/runtime/records/feed';
import type { WorkerContext } from '../queue/context.ts';
import { every } from '../queue/every.ts';
import { JOURNAL_FILE, type JournalLine } from './journal.ts';
import { publishKept, storeUntilKept } from './keep-song.ts';

/** Looks now, and again each lease: a worker that died a moment ago still counts as alive. */
export function startAdoption(context: WorkerContext): Part {
  const loop = every(
    context.settings.WORKER_LEASE_MS,
    () => adoptSpool(context),
    (error) => context.logger.error({ err: error }, 'spool not adopted'),
  );
  loop.wake();
  return loop;
}

/**
 * Takes over what dead workers of this machine left in the spool: a paid song that they could not
 * store is stored and published now. A folder is taken by renaming it, so two cannot take the same;
 * a live worker's folder is never read.
 */
async function adoptSpool(context: WorkerContext): Promise<void> {
  const { settings, workerId, records, logger } = context;
  for (const name of await readdir(settings.SPOOL_DIR)) {
    const owner = name.split('+').at(-1)!;
    if (name === workerId || (await isWorkerLive(records, owner, settings.WORKER_LEASE_MS))) continue;
    // An adopter's folder is `<adopter>+<owner>`: should the adopter die, the next one takes it from there.
    const adopter = name.split('+')[0]!;
    if (adopter !== owner && (await isWorkerLive(records, adopter, settings.WORKER_LEASE_MS))) continue;
    const taken = join(settings.SPOOL_DIR, `${workerId}+${owner}`);
    try {
      await rename(join(settings.SPOOL_DIR, name), taken);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') continue;
      throw error;
    }
    logger.info({ owner }, 'adopting the spool of a dead worker');
    if (await emptyFolder(context, taken)) await rm(taken, { recursive: true, force: true });
  }
}

/** True when nothing of value is left in the folder. */
async function emptyFolder(context: WorkerContext, folder: string): Promise<boolean> {
  const open = await openLines(join(folder, JOURNAL_FILE));
  for (const line of open) {
    if (line.event === 'intent') {
      // Nobody knows what became of this call; the line moves on so that the spend stays written down.
      await context.journal.write(line);
      continue;
    }
    if (line.event !== 'answered') continue;
    const path = join(folder, `${line.token}.part`);
    const { id, token, song } = line;
    // Stored but not noted: the file has moved, and the commit in storage says so.
    const spooled = await stat(path).then(
      () => true,
      () => false,
    );
    if (spooled && !(await storeUntilKept(context, { id, token, song, path, upstream: null }))) return false;
    const commit = await context.storage.readCommit(id);
    if (commit) await publishKept(context, { id, token: commit.song.token, song: commit.song, upstream: null });
  }
  return true;
}

/** The last line of each attempt that was never settled. A torn last line is what a crash leaves: skipped. */
async function openLines(path: string): Promise<JournalLine[]> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  const open = new Map<string, JournalLine>();
  for (const line of text.split('\n')) {
    if (!line.endsWith('}')) continue;
    const entry = JSON.parse(line) as JournalLine;
    if (entry.event === 'settled') open.delete(entry.token);
    else open.set(entry.token, entry);
  }
  return [...open.values()];
}
