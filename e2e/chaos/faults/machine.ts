import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import type { ChaosProcess, ChaosSystem, Effect, Fault, Random } from '../types.ts';
import { between, effect, keysIn, openCalls, seenWithin, victimOf, withRedis } from './signals.ts';

/** What the machine and its operator do to processes: storage that is gone, no more files, a rolling restart. */

const WORK_MS = 4000;

/** Where `file:` storage is. */
export function songsFolder(system: ChaosSystem): string {
  return system.settings['STORAGE_URL']!.slice('file:'.length);
}

/** Puts a plain file in the place of the songs' folder. False when somebody made a new folder in the blink between. */
function takeStorageAway(songs: string): boolean {
  writeFileSync(`${songs}-block`, 'no folder');
  renameSync(songs, `${songs}-away`);
  try {
    renameSync(`${songs}-block`, songs);
    return true;
  } catch {
    cpSync(songs, `${songs}-away`, { recursive: true, force: false });
    bringStorageBack(songs);
    return false;
  }
}

function bringStorageBack(songs: string): void {
  rmSync(songs, { recursive: true, force: true });
  renameSync(`${songs}-away`, songs);
  rmSync(`${songs}-block`, { force: true });
}

export const storageGone: Fault = {
  row: 'S1',
  title: 'the folder of the songs cannot be used',
  weight: 4,
  inject: (system, random) => withoutStorage(system, between(200, 1500, random)),
};

/** Seen by the brake that says so, or by a worker that could not store what it had bought. */
export async function withoutStorage(system: ChaosSystem, ms: number): Promise<Effect> {
  const songs = songsFolder(system);
  const from = system.workers.map((each) => each.process?.output().length ?? 0);
  const said = () =>
    system.workers.reduce(
      (sum, each, n) =>
        sum +
        (
          each.process
            ?.output()
            .slice(from[n])
            .match(/storing a paid song failed/g) ?? []
        ).length,
      0,
    );
  if (!takeStorageAway(songs)) return effect(false, 'a new folder was made in the same instant');
  try {
    const seen = await withRedis(system, (redis) =>
      seenWithin(
        WORK_MS,
        async () => said() > 0 || Number(await redis.zscore(keysIn(system).brakes, 'storage')) > Date.now(),
      ),
    );
    await delay(ms);
    return effect(seen !== null, `storage was gone for ${ms} ms; storing was tried in vain ${said()} times`);
  } finally {
    bringStorageBack(songs);
  }
}

/** Sets the soft limit of open files of a running process. */
async function limitFiles(pid: number, soft: number): Promise<void> {
  const child = spawn('prlimit', ['--pid', String(pid), `--nofile=${soft}:`], { stdio: 'ignore' });
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0) throw new Error(`prlimit ended with ${code}`);
}

/** Below every number that is in use, so that none that is given back can be had again. */
const NO_MORE = 3;
/** As much as a process gets by default on any Linux of the last years. */
const USUAL_FILES = 1024;

/** Whether an API answers somebody whom it has not yet a connection with. */
function answersStranger(api: ChaosProcess): Promise<boolean> {
  return new Promise((resolve) => {
    const asked = get(`${api.process!.url}/livez`, { agent: false, timeout: 1000 }, (response) => {
      response.resume();
      resolve(true);
    });
    asked.on('timeout', () => asked.destroy());
    asked.on('error', () => resolve(false));
  });
}

export const noMoreFiles: Fault = {
  row: 'C2',
  title: 'a process may open no more files',
  needs: ['prlimit'],
  weight: 3,
  scope: 'process',
  async inject(system, random) {
    const victim = victimOf(random() < 0.5 ? system.apis : system.workers, random);
    return exhaustFiles(victim, between(300, 1500, random));
  },
};

export async function exhaustFiles(victim: ChaosProcess, ms: number): Promise<Effect> {
  const { process } = victim;
  if (process === null) return effect(false, `${victim.name} is down`);
  const from = process.output().length;
  const open = readdirSync(`/proc/${process.pid}/fd`).length;
  await limitFiles(process.pid, NO_MORE);
  try {
    const refused = await seenWithin(WORK_MS, async () =>
      victim.kind === 'api' ? !(await answersStranger(victim)) : process.output().slice(from).includes('EMFILE'),
    );
    await delay(ms);
    return effect(refused !== null, `${victim.name} had ${open} files open and could open no more for ${ms} ms`);
  } finally {
    if (existsSync(`/proc/${process.pid}`)) await limitFiles(process.pid, USUAL_FILES);
  }
}

export const rollingRestart: Fault = {
  row: 'D1',
  title: 'every process is restarted, one after the other, under load',
  weight: 1,
  inject: (system, random) => restartInTurn(system, random),
};

export async function restartInTurn(system: ChaosSystem, random: Random): Promise<Effect> {
  const ends: string[] = [];
  const ids: string[] = [];
  let clean = true;
  const turn = [...system.workers, ...system.apis].filter((each) => each.process !== null);
  for (const each of turn) {
    if (each.kind === 'worker') ids.push(...(await openCalls(system, each)));
    const exit = await each.stop();
    await each.start();
    ends.push(`${each.name} ${exit.signal ?? exit.code}`);
    clean &&= exit.code === 0;
    await delay(between(0, 200, random));
  }
  return effect(
    clean,
    `${turn.length} processes were restarted with ${ids.length} calls open (${ends.join(', ')})`,
    ids,
  );
}
