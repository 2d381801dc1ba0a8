import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { identify, runs } from './process-identity.mjs';

/**
 * What a lock file says about its holder; more fields may follow.
 * @typedef {{ pid: number, start: string, started_at: string, url?: string | null } & Record<string, unknown>} Holder
 */

/**
 * Takes a lock file that names its holder, or says who holds it. A lock whose holder no longer runs is taken over;
 * the holder's start time is part of it because pids are used again.
 *
 * @param {string} file
 * @param {Record<string, unknown>} details what else to write into it
 * @returns {{ taken: true, previous: Holder | null, update(details: object): void, release(): void }
 *   | { taken: false, holder: Holder }}
 */
export function takeLock(file, details) {
  mkdirSync(path.dirname(file), { recursive: true });
  const mine = `${file}.${process.pid}`;
  let record = { ...identify(process.pid), started_at: new Date().toISOString(), ...details };
  const write = () => writeFileSync(mine, `${JSON.stringify(record)}\n`, { mode: 0o600 });
  let previous = null;
  let released = false;

  write();
  try {
    while (!create(mine, file)) {
      const found = read(file);
      if (found === null) continue; // Released between our two looks.
      if (found.holder !== null && runs(found.holder)) return { taken: false, holder: found.holder };
      if (setAside(file, found.text)) previous = found.holder;
    }
  } finally {
    rmSync(mine, { force: true });
  }
  return {
    taken: true,
    previous,
    update(more) {
      if (released) return; // News that comes late must not bring the file back.
      record = { ...record, ...more };
      write();
      renameSync(mine, file);
    },
    release() {
      released = true;
      if (read(file)?.holder?.pid === process.pid) rmSync(file, { force: true });
    },
  };
}

/**
 * Takes a lock that is held for a short while only, waiting for its holder.
 *
 * @param {string} file
 * @param {{ signal: AbortSignal, onWait(holder: Holder): void }} options `onWait` is called once, if at all
 * @returns {Promise<{ release(): void }>}
 */
export async function waitForLock(file, { signal, onWait }) {
  for (let told = false; ; told = true) {
    const lock = takeLock(file, {});
    if (lock.taken) return lock;
    if (!told) onWait(lock.holder);
    await sleep(200, undefined, { signal });
  }
}

/** A link appears whole or not at all and never replaces; `wx` serves file systems without links. */
function create(source, target) {
  try {
    linkSync(source, target);
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'].includes(error.code)) throw error;
  }
  try {
    writeFileSync(target, readFileSync(source), { flag: 'wx', mode: 0o600 });
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  }
}

/**
 * Moves a stale lock away. Two runs may judge the same lock stale; the slower one would move the faster one's new
 * lock, so it looks at what it moved and puts it back.
 */
function setAside(file, judged) {
  const aside = `${file}.${process.pid}.stale`;
  try {
    renameSync(file, aside);
  } catch (error) {
    if (error.code === 'ENOENT') return false;
    throw error;
  }
  const moved = readFileSync(aside, 'utf8');
  if (moved !== judged) create(aside, file);
  unlinkSync(aside);
  return moved === judged;
}

/** @returns {{ text: string, holder: Holder | null } | null} null when there is no such file */
function read(file) {
  let text;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if (error.code === 'ENOENT') return null;
    throw error;
  }
  try {
    const holder = JSON.parse(text);
    return { text, holder: Number.isInteger(holder?.pid) && typeof holder.start === 'string' ? holder : null };
  } catch {
    return { text, holder: null };
  }
}
