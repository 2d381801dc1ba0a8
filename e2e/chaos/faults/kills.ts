import { setTimeout as delay } from 'node:timers/promises';
import { pick } from '../random.ts';
import type { ChaosProcess, ChaosSystem, CrashPoint, Effect, Fault, Random } from '../types.ts';
import {
  between,
  busyVictim,
  effect,
  lastBeat,
  type LedgerLine,
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
    const ledger = await ledgerFromNow(system);
    const busy = await seenWithin(WORK_MS, async () => {
      const found = await busyVictim(system, random, 0);
      if (found === null) return null;
      const lyrics = await lyricsOf(system, found.held);
      return openIn(await ledger(), lyrics) > 0 ? found : null;
    });
    if (busy === null) return effect(false, 'no call was open');
    const { victim } = busy;
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

/** Calls for these words that the simulator works on. */
function openIn(lines: readonly LedgerLine[], lyrics: ReadonlySet<string>): number {
  const ended = new Set(lines.filter(({ event }) => event !== 'call').map(({ call }) => call));
  return lines.filter(
    ({ event, call, lyrics_sha256 }) => event === 'call' && !ended.has(call) && lyrics.has(lyrics_sha256 ?? ''),
  ).length;
}

export interface Killed {
  readonly victim: ChaosProcess;
  /** The generation that was at the crash point. */
  readonly id: string;
  /** Others whose calls the victim had open. */
  readonly others: readonly string[];
}

/** Kills whichever worker comes first to a point of a run, and starts it again; null when none came. */
export async function killAt(
  system: ChaosSystem,
  point: CrashPoint,
  { id, limitMs = WORK_MS }: { id?: string; limitMs?: number } = {},
): Promise<Killed | null> {
  const order = { point, how: 'kill', ...(id === undefined ? {} : { id }) } as const;
  const armed = await Promise.all(
    system.workers
      .filter((each) => each.process !== null)
      .map(async (victim) => ({ victim, crash: await victim.crashAt(order) })),
  );
  const first = await Promise.race([
    ...armed.map(async ({ victim, crash }) => {
      const hit = await crash.fired;
      return hit === null ? new Promise<null>(() => undefined) : { victim, id: hit };
    }),
    delay(limitMs, null),
  ]);
  await Promise.all(armed.map(({ crash }) => crash.disarm()));
  if (first === null) return null;
  // Two may have come to it at once: all that died count as victims.
  const died = await Promise.all(
    armed.map(async ({ victim, crash }) => ((await crash.fired) === null ? [] : [victim])),
  );
  const others: string[] = [];
  for (const victim of died.flat()) {
    await seenWithin(WORK_MS, () => victim.process === null);
    others.push(...(await openCalls(system, victim)).filter((each) => each !== first.id));
  }
  await Promise.all(died.flat().map((each) => each.start()));
  return { ...first, others };
}

function killedAt(row: string, point: CrashPoint, what: string, weight: number): Fault {
  return {
    row,
    title: `a worker is killed ${what}`,
    weight,
    scope: 'process',
    async inject(system) {
      const killed = await killAt(system, point);
      if (killed === null) return effect(false, `no worker came to ${point}`);
      const { victim, id, others } = killed;
      return effect(true, `${victim.name} was killed at ${point} of ${id} with ${others.length} other calls open`, [
        id,
        ...others,
      ]);
    },
  };
}

export const killedBeforeCall = killedAt('W1', 'intent-written', 'after its intent was written, before the call', 4);
export const killedAfterReply = killedAt('W2', 'answered', 'after the reply, before anything else is known of it', 8);
export const killedAfterStore = killedAt('W3', 'stored', 'after the song was stored, before its commit file', 8);
export const killedAfterCommit = killedAt('W3', 'committed', 'after the commit file, before publishing', 8);
export const killedAfterPublish = killedAt('W4', 'published', 'after publishing, before the queue move', 6);
export const killedAfterMove = killedAt('W4', 'settled', 'after the queue move', 4);

/** W5: whoever takes it up again dies of it as well. */
export const killedTwice: Fault = {
  row: 'W5',
  title: 'the same generation kills two workers',
  weight: 3,
  async inject(system) {
    const first = await killAt(system, 'intent-written');
    if (first === null) return effect(false, 'no worker came to write an intent');
    const { id } = first;
    const second = await killAt(system, 'intent-written', { id, limitMs: 3 * WORK_MS });
    return effect(second !== null, `${id} ended ${second === null ? 'one worker' : 'two workers'}`, [
      id,
      ...first.others,
      ...(second?.others ?? []),
    ]);
  },
};

export const killSome: Fault = {
  row: 'W6',
  title: 'a third of the workers is killed at once',
  weight: 3,
  async inject(system, random) {
    const count = Math.max(1, Math.round(system.workers.length * 0.3));
    const busy = await busyVictim(system, random, WORK_MS);
    if (busy === null) return effect(false, 'no call was open');
    const victims = new Set<ChaosProcess>([busy.victim]);
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
      const victim = graceMs === null ? await anyBusy(system, random) : victimOf(system.workers, random);
      if (victim === null) return effect(false, 'no call was open');
      if (graceMs !== null) {
        // It has to be told its grace when it starts.
        await victim.stop();
        await victim.start({ SHUTDOWN_GRACE_MS: String(graceMs) });
        await seenWithin(WORK_MS, async () => (await openCalls(system, victim)).length);
      }
      const { exit, held } = await stopWithCalls(system, victim);
      await victim.start();
      return effect(
        held.length > 0,
        `${victim.name} was told to stop with ${held.length} calls open and ended with ${exit.signal ?? exit.code}`,
        held,
      );
    },
  };
}

async function anyBusy(system: ChaosSystem, random: Random): Promise<ChaosProcess | null> {
  return (await busyVictim(system, random, WORK_MS))?.victim ?? null;
}

/** Tells a worker to stop; it is frozen while its open calls are counted, so that none begins or ends meanwhile. */
async function stopWithCalls(system: ChaosSystem, victim: ChaosProcess) {
  await victim.kill('SIGSTOP');
  const before = await openCalls(system, victim);
  const stopping = victim.stop();
  await victim.kill('SIGCONT');
  const exit = await stopping;
  return { exit, held: [...new Set([...before, ...(await openCalls(system, victim))])] };
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
    const busy = await busyVictim(system, random, WORK_MS);
    if (busy === null) return effect(false, 'no call was open');
    return freeze(system, busy.victim, Number(system.settings['WORKER_LEASE_MS']) * 1.5 + between(0, 500, random));
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
    const points = ['claimed', 'intent-written', 'answered', 'stored', 'committed', 'published', 'settled'] as const;
    const hit = await throwAt(system, pick(points, random), WORK_MS);
    return effect(
      hit !== null,
      hit === null ? 'no worker came to the point' : `a worker threw at a point of ${hit}`,
      hit === null ? [] : [hit],
    );
  },
};

/** Lets whichever worker comes first to a point throw there; the generation's id, or null when none came. */
export async function throwAt(system: ChaosSystem, point: CrashPoint, limitMs: number): Promise<string | null> {
  const running = system.workers.filter((each) => each.process !== null);
  const armed = await Promise.all(running.map((each) => each.crashAt({ point, how: 'throw' })));
  const hit = await Promise.race([
    ...armed.map((crash) => crash.fired.then((id) => id ?? new Promise<null>(() => undefined))),
    delay(limitMs, null),
  ]);
  await Promise.all(armed.map((crash) => crash.disarm()));
  return hit;
}
