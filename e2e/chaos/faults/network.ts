import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { loadScript } from '@songmill/shared/runtime/records/store';
import { pick } from '../random.ts';
import type { ChaosProcess, ChaosSystem, Effect, Fault } from '../types.ts';
import { between, effect, lastBeat, readiness, seenWithin, victimOf, withRedis } from './signals.ts';

/** Wires that break: between a process and Redis, between a client and an API, and just the reply of one script. */

const WORK_MS = 4000;

function partition(
  title: string,
  victims: (system: ChaosSystem, pickOne: (all: readonly ChaosProcess[]) => ChaosProcess) => ChaosProcess[],
  how: 'refuse' | 'blackhole',
  weight: number,
  scope?: 'process',
): Fault {
  return {
    row: 'R7',
    title,
    weight,
    ...(scope ? { scope } : {}),
    async inject(system, random) {
      const cutOff = victims(system, (all) => victimOf(all, random));
      return cutFromRedis(system, cutOff, how, between(1000, 2000, random));
    },
  };
}

/** That nothing passes is seen by a heart that does not beat, or by an API that is not ready. */
export async function cutFromRedis(
  system: ChaosSystem,
  cutOff: readonly ChaosProcess[],
  how: 'refuse' | 'blackhole',
  ms: number,
): Promise<Effect> {
  return withRedis(system, async (redis) => {
    const wires = cutOff.reduce((sum, { proxy }) => sum + proxy.connections, 0);
    for (const { proxy } of cutOff) proxy[how]();
    const seen: boolean[] = [];
    try {
      await Promise.all([
        delay(ms),
        ...cutOff.map(async (each) => {
          if (each.kind === 'api') {
            const ready = await readiness(each, ms);
            seen.push(ready?.status !== 200);
            return;
          }
          const before = await lastBeat(system, redis, each);
          await delay(ms);
          seen.push((await lastBeat(system, redis, each)) === before);
        }),
      ]);
    } finally {
      for (const { proxy } of cutOff) await proxy.heal();
    }
    const names = cutOff.map(({ name }) => name).join(' and ');
    return effect(
      wires > 0 && seen.every(Boolean),
      `${names} had ${wires} connections to Redis ${how === 'refuse' ? 'refused' : 'silent'} for ${ms} ms`,
    );
  });
}

export const workerRefused = partition(
  'a worker is refused by Redis',
  ({ workers }, one) => [one(workers)],
  'refuse',
  3,
  'process',
);
export const workerSilenced = partition(
  'a worker hears nothing from Redis',
  ({ workers }, one) => [one(workers)],
  'blackhole',
  3,
  'process',
);
export const apiRefused = partition(
  'an API is refused by Redis',
  ({ apis }, one) => [one(apis)],
  'refuse',
  3,
  'process',
);
export const apiSilenced = partition(
  'an API hears nothing from Redis',
  ({ apis }, one) => [one(apis)],
  'blackhole',
  2,
  'process',
);
export const bothSilenced = partition(
  'an API and a worker hear nothing from Redis',
  ({ apis, workers }, one) => [one(apis), one(workers)],
  'blackhole',
  2,
  'process',
);

/** Scripts whose answers get lost: those that a worker runs, and those that an API runs. */
export const WORKER_SCRIPTS = [
  'claim',
  'publish',
  'release',
  'feed',
  'beat',
  'due',
  'repair',
  'retain',
  'answered',
] as const;
export const API_SCRIPTS = ['accept', 'cancel', 'reopen'] as const;

/** Loses the next answers to one script of one process, and the connection with it. Resolves with how many were lost. */
export async function loseReplies(
  victim: ChaosProcess,
  script: string,
  { count = 1, limitMs = WORK_MS }: { count?: number; limitMs?: number } = {},
): Promise<number> {
  // A connection sends the whole text at first, and its digest from then on.
  const { lua } = loadScript(script);
  const named = [createHash('sha1').update(lua).digest('hex'), lua.slice(0, lua.indexOf('\n', 6))];
  const dropped = victim.proxy.dropReplies(count, (request) => named.some((name) => request.includes(name)));
  const lost = await Promise.race([dropped, delay(limitMs, null)]);
  if (lost !== null) return lost;
  await victim.proxy.heal();
  return dropped;
}

function replyLost(kind: 'worker' | 'api', scripts: readonly string[], weight: number): Fault {
  return {
    row: 'X1',
    title: `the reply to a script of ${kind === 'api' ? 'an API' : 'a worker'} is lost after the script ran`,
    weight,
    scope: 'process',
    async inject(system, random) {
      const victim = victimOf(kind === 'api' ? system.apis : system.workers, random);
      const script = pick(scripts, random);
      const lost = await loseReplies(victim, script);
      return effect(lost > 0, `${victim.name} lost ${lost} replies to ${script}`);
    },
  };
}

/** Only those that run all the time under load: a mixed run has no time to wait for the others. */
export const workerReplyLost = replyLost('worker', ['claim', 'publish', 'feed', 'beat'], 8);
export const apiReplyLost = replyLost('api', ['accept'], 5);

/** A2, first half: half a request, then silence. Nothing may come of it. */
async function leaveMidUpload(api: ChaosProcess, key: string): Promise<boolean> {
  const socket = await dial(api);
  socket.write(
    `POST /v1/generations HTTP/1.1\r\nhost: chaos\r\nauthorization: Bearer ${key}\r\ncontent-type: application/json\r\ncontent-length: 4000\r\n\r\n{"lyrics":"`,
  );
  await delay(20);
  const open = !socket.destroyed;
  socket.resetAndDestroy();
  return open;
}

/** A2, second half: asks for a list and leaves at the first byte of it. */
async function leaveMidResponse(api: ChaosProcess, key: string): Promise<boolean> {
  const socket = await dial(api);
  socket.write(`GET /v1/generations?limit=100 HTTP/1.1\r\nhost: chaos\r\nauthorization: Bearer ${key}\r\n\r\n`);
  const first = await Promise.race([once(socket, 'data').catch(() => null), delay(WORK_MS, null)]);
  socket.resetAndDestroy();
  return first !== null;
}

async function dial(api: ChaosProcess) {
  const url = new URL(api.process!.url);
  const socket = connect(Number(url.port), url.hostname);
  socket.on('error', () => undefined);
  await Promise.race([once(socket, 'connect'), delay(WORK_MS)]);
  return socket;
}

export const clientsLeave: Fault = {
  row: 'A2',
  title: 'clients leave in the middle of an upload and of an answer',
  weight: 3,
  scope: 'process',
  async inject(system, random) {
    const api = victimOf(system.apis, random);
    const key = system.settings['API_KEY']!;
    const each = await Promise.all(
      Array.from({ length: 10 }, (_, n) => (n % 2 === 0 ? leaveMidUpload(api, key) : leaveMidResponse(api, key))),
    );
    const alive = await seenWithin(WORK_MS, async () => (await readiness(api)) !== null);
    return effect(
      each.every(Boolean) && alive !== null,
      `${each.filter(Boolean).length} clients of ${api.name} left halfway`,
    );
  },
};
