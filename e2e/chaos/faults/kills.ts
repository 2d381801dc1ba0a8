import { setTimeout as delay } from 'node:timers/promises';
import type { ChaosProcess, ChaosSystem, CrashPoint, Effect, Fault, Random } from '../types.ts';
import {
  between,
  effect,
  lastBeat,
  ledgerFromNow,
  lyricsOf,
  openCalls,
  seenWithin,
  victimOf,
  withRedis,
} from './signals.ts';

/** Workers that die: at any moment of a call, at named points of a run, again and again, all but one. */

/** Work comes to a busy worker within this, or the fault has found nobody to hit. */
const WORK_MS = 4000;

/** W1: the call is open in the simulator, which then sees its client leave. */
export const killInCall: Fault = {
  row: 'W1',
  title: 'a worker is killed with a call open',
  weight: 10,
  scope: 'process',
  async inject(system, random) {
    const victim = victimOf(system.workers, random);
    const ledger = await ledgerFromNow(system);
    const open = await seenWithin(WORK_MS, async () => (await openCalls(system, victim)).length > 0);
    if (open === null) return effect(false, `${victim.name} had no call open`);
    await victim.kill('SIGKILL');
    const held = await openCalls(system, victim);
    const [lyrics] = await Promise.all([lyricsOf(system, held), victim.start()]);
    const gone = await seenWithin(WORK_MS, async () => {
      const lines = await ledger();
      return lines.filter(({ event, lyrics_sha256 }) => event === 'gone' && lyrics.has(lyrics_sha256 ?? '')).length;
    });
    return effect(
      gone !== null,
      `${victim.name} was killed with ${held.length} calls open; the simulator saw ${gone ?? 0} clients leave`,
      held,
    );
  },
};

/** Kills a worker at a point of its next run, and starts it again. */
async function killAt(
  system: ChaosSystem,
  victim: ChaosProcess,
  point: CrashPoint,
  id?: string,
): Promise<string | null> {
  const armed = await victim.crashAt({ point, how: 'kill', ...(id === undefined ? {} : { id }) });
  const hit = await Promise.race([armed.fired, delay(WORK_MS, null)]);
  if (hit === null) {
    await armed.disarm();
    return null;
  }
  await seenWithin(WORK_MS, () => victim.process === null);
  await victim.start();
  return hit;
}

function killedAt(row: string, point: CrashPoint, what: string, weight: number): Fault {
  return {
    row,
    title: `a worker is killed ${what}`,
    weight,
    scope: 'process',
    async inject(system, random) {
      const victim = victimOf(system.workers, random);
      const hit = await killAt(system, victim, point);
      if (hit === null) return effect(false, `${victim.name} did not come to ${point}`);
      return effect(true, `${victim.name} was killed at ${point} of ${hit}`, [hit]);
    },
  };
}

export const killedBeforeCall = killedAt('W1', 'intent-written', 'after its intent was written, before the call', 4);
export const killedAfterReply = killedAt('W2', 'answered', 'after the reply, before anything else is known of it', 8);
export const killedAfterStore = killedAt('W3', 'stored', 'after the song was stored, before its commit file', 8);
export const killedAfterCommit = killedAt('W3', 'committed', 'after the commit file, before publishing', 8);
export const killedAfterPublish = killedAt('W4', 'published', 'after publishing, before the queue move', 6);
export const killedAfterMove = killedAt('W4', 'settled', 'after the queue move', 4);

/** W5: whoever takes the generation up dies of it, `deaths` times in all. */
export async function killSameGeneration(
  system: ChaosSystem,
  random: Random,
  { deaths, point = 'intent-written' }: { deaths: number; point?: CrashPoint },
): Promise<{ id: string; deaths: number } | null> {
  const victim = victimOf(system.workers, random);
  const id = await killAt(system, victim, point);
  if (id === null) return null;
  let died = 1;
  while (died < deaths) {
    const armed = await Promise.all(
      system.workers
        .filter((each) => each.process !== null)
        .map(async (worker) => ({ worker, order: await worker.crashAt({ point, how: 'kill', id }) })),
    );
    const hit = await Promise.race([
      ...armed.map(async ({ worker, order }) => ((await order.fired) === null ? new Promise<null>(() => {}) : worker)),
      delay(3 * WORK_MS, null),
    ]);
    for (const { worker, order } of armed) if (worker !== hit) await order.disarm();
    if (hit === null) break;
    died += 1;
    await seenWithin(WORK_MS, () => hit.process === null);
    await hit.start();
  }
  return { id, deaths: died };
}

export const killedTwice: Fault = {
  row: 'W5',
  title: 'the same generation kills two workers',
  weight: 3,
  async inject(system, random) {
    const end = await killSameGeneration(system, random, { deaths: 2 });
    if (end === null) return effect(false, 'no worker came to write an intent');
    return effect(end.deaths === 2, `${end.id} ended ${end.deaths} workers`, [end.id]);
  },
};

export const killSome: Fault = {
  row: 'W6',
  title: 'a third of the workers is killed at once',
  weight: 3,
  async inject(system, random) {
    const count = Math.max(1, Math.round(system.workers.length * 0.3));
    const open = await seenWithin(WORK_MS, async () => (await system.sim.state()).open_calls > 0);
    if (open === null) return effect(false, 'no call was open');
    const victims = new Set<ChaosProcess>();
    while (victims.size < count) victims.add(victimOf(system.workers, random));
    await Promise.all([...victims].map((each) => each.kill('SIGKILL')));
    const held = (await Promise.all([...victims].map((each) => openCalls(system, each)))).flat();
    await Promise.all([...victims].map((each) => each.start()));
    return effect(
      held.length > 0,
      `${[...victims].map(({ name }) => name).join(', ')} were killed with ${held.length} calls open`,
      held,
    );
  },
};

function stopped(title: string, graceMs: number | null, weight: number): Fault {
  return {
    row: 'W7',
    title,
    weight,
    async inject(system, random) {
      const victim = victimOf(system.workers, random);
      if (graceMs !== null) {
        // It has to be told its grace when it starts.
        await victim.stop();
        await victim.start({ SHUTDOWN_GRACE_MS: String(graceMs) });
      }
      const open = await seenWithin(WORK_MS, async () => (await openCalls(system, victim)).length > 0);
      if (open === null) return effect(false, `${victim.name} had no call open`);
      const held = await openCalls(system, victim);
      const exit = await victim.stop();
      await victim.start();
      return effect(
        held.length > 0,
        `${victim.name} was told to stop with ${held.length} calls open and ended with ${exit.signal ?? exit.code}`,
        held,
      );
    },
  };
}

export const stopWithGrace = stopped('a worker is told to stop, with time for its calls', null, 5);
export const stopWithoutGrace = stopped('a worker is told to stop, with no time for its calls', 1, 4);

/** W8: longer than the lease and BullMQ's lock. The call's answer waits in the socket meanwhile. */
export const freezeWorker: Fault = {
  row: 'W8',
  title: 'a worker is frozen for longer than its lease and its locks',
  weight: 3,
  scope: 'process',
  async inject(system, random) {
    const victim = victimOf(system.workers, random);
    const open = await seenWithin(WORK_MS, async () => (await openCalls(system, victim)).length > 0);
    if (open === null) return effect(false, `${victim.name} had no call open`);
    return freeze(system, victim, Number(system.settings['WORKER_LEASE_MS']) * 1.5 + between(0, 500, random));
  },
};

export async function freeze(system: ChaosSystem, victim: ChaosProcess, ms: number): Promise<Effect> {
  return withRedis(system, async (redis) => {
    await victim.kill('SIGSTOP');
    const held = await openCalls(system, victim);
    const before = await lastBeat(system, redis, victim);
    try {
      await delay(ms);
      const silent = (await lastBeat(system, redis, victim)) === before;
      return effect(
        silent && held.length > 0,
        `${victim.name} was frozen for ${Math.round(ms)} ms with ${held.length} calls open${silent ? '' : ', but its heart beat'}`,
        held,
      );
    } finally {
      await victim.kill('SIGCONT');
    }
  });
}

/** X3: what a crash point throws decides nothing. */
export const processorThrows: Fault = {
  row: 'X3',
  title: 'the processor throws in the middle of a run',
  weight: 4,
  scope: 'process',
  async inject(system, random) {
    const victim = victimOf(system.workers, random);
    const points = ['claimed', 'intent-written', 'answered', 'stored', 'committed', 'published', 'settled'] as const;
    const point = points[Math.floor(random() * points.length)]!;
    const armed = await victim.crashAt({ point, how: 'throw' });
    const hit = await Promise.race([armed.fired, delay(WORK_MS, null)]);
    await armed.disarm();
    return effect(
      hit !== null,
      hit === null ? `${victim.name} did not come to ${point}` : `${victim.name} threw at ${point} of ${hit}`,
      hit === null ? [] : [hit],
    );
  },
};
