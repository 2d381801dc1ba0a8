import { setTimeout as delay } from 'node:timers/promises';
import { pick } from '../random.ts';
import type { ChaosSystem, Effect, Fault } from '../types.ts';
import {
  between,
  busyVictim,
  effect,
  keysIn,
  type LedgerLine,
  ledgerFromNow,
  lyricsOf,
  openCalls,
  seenWithin,
  withRedis,
} from './signals.ts';

/** The upstream refuses, lies, stalls, breaks off, sends rubbish or is not there: told through its control API. */

const WORK_MS = 5000;

/** Hands these faults to the next calls; resolves when calls have met all of them, or no more come. */
export async function playFaults(system: ChaosSystem, faults: readonly string[], limitMs = WORK_MS): Promise<Effect> {
  await system.sim.faults(faults);
  await seenWithin(limitMs, async () => (await system.sim.state()).queued_faults === 0);
  const met = faults.length - (await system.sim.state()).queued_faults;
  await system.sim.clearFaults();
  return effect(met > 0, `${met} of ${faults.length} calls met ${[...new Set(faults)].join(', ')}`);
}

function answering(row: string, title: string, kinds: readonly string[], weight: number): Fault {
  return {
    row,
    title,
    weight,
    inject: (system, random) =>
      playFaults(
        system,
        Array.from({ length: between(1, 3, random) }, () => pick(kinds, random)),
      ),
  };
}

export const RATE_LIMITS = [
  'code=1002',
  'code=1002,retry_after=1',
  'code=1041',
  'status=429',
  'status=429,retry_after=1',
];
export const rateLimited = answering('U1', 'the upstream says that there were too many calls', RATE_LIMITS, 5);

export const SERVER_ERRORS = [
  'status=500',
  'status=502',
  'status=503',
  'status=504',
  'err=-10003',
  'code=1000',
  'code=1001',
];
export const serverErrors = answering('U2', 'the upstream answers with errors of its own', SERVER_ERRORS, 4);

export const upstreamAbsent: Fault = {
  row: 'U2',
  title: 'the upstream is not there',
  weight: 3,
  async inject(system, random) {
    const { open_calls } = await system.sim.state();
    await system.killSimulator();
    const downMs = between(300, 2000, random);
    await delay(downMs);
    await system.restartSimulator();
    return effect(true, `the upstream was away for ${downMs} ms; ${open_calls} calls were cut`);
  },
};

export const HANGS = ['hang', 'drip=1500', 'drip=2500'];
export const hangs = answering('U3', 'the upstream hangs or answers drop by drop', HANGS, 3);

export const BAD_ANSWERS = [
  'truncate',
  'odd',
  'badhex=-1',
  'empty',
  'data_status=1',
  'object',
  'html',
  'garbage',
  'badhex=3',
];
export const badAnswers = answering('U4', 'the upstream answers rubbish', BAD_ANSWERS, 5);

export const BIG_ANSWERS = ['huge=2', 'late=2', 'decoy', 'escaped', 'duplicate'];
export const bigAnswers = answering('U5', 'the upstream answers at length', BIG_ANSWERS, 2);

export const CUTS = ['rst', 'lost', 'close'];
export const cuts = answering('U6', 'the upstream cuts the connection', CUTS, 5);

export const SLOW_MS = 2500;
export const upstreamSlow: Fault = {
  row: 'U7',
  title: 'the upstream becomes many times slower',
  weight: 2,
  async inject(system) {
    const ledger = await ledgerFromNow(system);
    const { latency, time_scale } = await system.sim.configuration();
    await system.sim.config({ latency: { fixed_ms: SLOW_MS / time_scale } });
    try {
      await seenWithin(WORK_MS, async () => (await ledger()).some(({ event }) => event === 'call'));
      await delay(500);
    } finally {
      await system.sim.config({ latency });
    }
    const slow = await seenWithin(WORK_MS + SLOW_MS, async () => slowCalls(await ledger(), SLOW_MS * 0.9));
    return effect(slow !== null, `${slow ?? 0} calls took ${SLOW_MS} ms`);
  },
};

export function slowCalls(lines: readonly LedgerLine[], leastMs: number): number {
  const begun = new Map(lines.filter(({ event }) => event === 'call').map(({ call, at }) => [call, Date.parse(at)]));
  return lines.filter(
    ({ event, call, at }) => event === 'charge' && Date.parse(at) - (begun.get(call) ?? Number.NaN) >= leastMs,
  ).length;
}

/** U8: a frozen worker's call is answered after another worker made the same call again. */
export const lateFirstAnswer: Fault = {
  row: 'U8',
  title: 'a first answer is read after the same song was bought again',
  weight: 2,
  async inject(system, random) {
    const busy = await busyVictim(system, random, WORK_MS);
    if (busy === null) return effect(false, 'no call was open');
    const { victim } = busy;
    await victim.kill('SIGSTOP');
    try {
      const held = await openCalls(system, victim);
      const lyrics = await lyricsOf(system, held);
      const ledger = await ledgerFromNow(system);
      const lease = Number(system.settings['WORKER_LEASE_MS']);
      const again = await seenWithin(3 * lease, async () =>
        (await ledger()).some(({ event, lyrics_sha256 }) => event === 'call' && lyrics.has(lyrics_sha256 ?? '')),
      );
      return effect(
        again !== null,
        `${victim.name} was frozen with ${held.length} calls open${again ? ' until one of them was made again' : ''}`,
        held,
      );
    } finally {
      await victim.kill('SIGCONT');
    }
  },
};

/** Brings on an account hold by one refusal; true when it began. */
export async function tripHold(system: ChaosSystem): Promise<boolean> {
  await system.sim.faults(['err=-10004']);
  const held = await withRedis(system, (redis) =>
    seenWithin(WORK_MS, () => redis.exists(keysIn(system).hold('account'))),
  );
  await system.sim.clearFaults();
  return held !== null;
}

async function holdEnds(system: ChaosSystem, limitMs = 3 * WORK_MS): Promise<boolean> {
  const ended = await withRedis(system, (redis) =>
    seenWithin(limitMs, async () => (await redis.exists(keysIn(system).hold('account'))) === 0),
  );
  return ended !== null;
}

export const rateLimitInHold: Fault = {
  row: 'X4',
  title: 'the probe of an account hold meets a rate limit',
  weight: 2,
  async inject(system) {
    if (!(await tripHold(system))) return effect(false, 'no hold began');
    const { seen } = await playFaults(system, ['status=429']);
    const ended = await holdEnds(system);
    return effect(ended, `the account was held; ${seen}; the hold ${ended ? 'ended' : 'did not end'}`);
  },
};

export const pauseInHold: Fault = {
  row: 'X5',
  title: 'an operator pauses the queue during an account hold, and resumes it',
  weight: 2,
  async inject(system, random) {
    if (!(await tripHold(system))) return effect(false, 'no hold began');
    const paused = await operate(system, 'pause');
    await delay(between(200, 800, random));
    const resumed = await seenWithin(WORK_MS, () => operate(system, 'resume'));
    const ended = await holdEnds(system);
    return effect(
      paused && resumed !== null && ended,
      `the account was held, the queue ${paused ? 'paused' : 'not paused'}, then resumed; the hold ${ended ? 'ended' : 'did not end'}`,
    );
  },
};

async function operate(system: ChaosSystem, action: 'pause' | 'resume'): Promise<boolean> {
  const api = system.apis.find((each) => each.process !== null);
  const response = await fetch(`${api!.process!.url}/v1/queues/generate/${action}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${system.settings['API_KEY']}`, 'content-type': 'application/json' },
    body: '{}',
  }).catch(() => null);
  return response?.ok ?? false;
}
