import { setTimeout as delay } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import type { ChaosSystem, Effect, Fault } from '../types.ts';
import { between, effect, openCalls, readiness, refusals, seenWithin, victimOf, withRedis } from './signals.ts';

/** Redis that dies, freezes, refuses to write, forgets its scripts, cuts everybody off or is told something stupid. */

const WORK_MS = 4000;

const openNow = async (system: ChaosSystem) =>
  (await Promise.all(system.workers.map((each) => openCalls(system, each)))).flat();

const wires = (system: ChaosSystem) =>
  [...system.apis, ...system.workers].reduce((sum, { proxy }) => sum + proxy.connections, 0);

export const redisKilled: Fault = {
  row: 'R1',
  title: 'Redis is killed and comes back on its append-only file',
  weight: 5,
  async inject(system, random) {
    const before = { pid: system.redis.pid, wires: wires(system) };
    const held = await openNow(system);
    await system.redis.kill('SIGKILL');
    const downMs = between(0, 3000, random);
    await delay(downMs);
    await system.redis.restart();
    return effect(
      system.redis.pid !== before.pid && before.wires > 0,
      `Redis was down for ${downMs} ms; ${before.wires} connections were cut, ${held.length} calls were open`,
      held,
    );
  },
};

export const redisFrozen: Fault = {
  row: 'R4',
  title: 'Redis is frozen',
  weight: 4,
  inject: (system, random) => freezeRedis(system, between(1000, 4000, random)),
};

/** A PING that was sent into the silence proves that it was one. */
export async function freezeRedis(system: ChaosSystem, ms: number): Promise<Effect> {
  const held = await openNow(system);
  return withRedis(system, async (redis) => {
    await redis.ping();
    await system.redis.kill('SIGSTOP');
    try {
      const answer = await Promise.race([redis.ping(), delay(ms, null)]);
      return effect(answer === null, `Redis was silent for ${ms} ms with ${held.length} calls open`, held);
    } finally {
      await system.redis.kill('SIGCONT');
    }
  });
}

/** Breaks Redis by a command until it has refused a write of ours with this error, then mends it. */
async function refusing(
  system: ChaosSystem,
  error: string,
  breakIt: (redis: Redis) => Promise<unknown>,
  mend: (redis: Redis) => Promise<unknown>,
  atLeastMs: number,
): Promise<Effect> {
  return withRedis(system, async (redis) => {
    const before = await refusals(redis, error);
    await breakIt(redis);
    try {
      const seen = await seenWithin(WORK_MS, async () => (await refusals(redis, error)) - before);
      await delay(atLeastMs);
      const refused = (await refusals(redis, error)) - before;
      return effect(seen !== null, `Redis refused ${refused} writes with ${error}`);
    } finally {
      await mend(redis);
    }
  });
}

export const redisFull: Fault = {
  row: 'R5',
  title: 'Redis has no memory left for writes',
  weight: 4,
  inject: (system, random) =>
    refusing(
      system,
      'OOM',
      async (redis) => {
        const used = Number(/^used_memory:(\d+)/m.exec(await redis.info('memory'))![1]);
        await redis.config('SET', 'maxmemory', String(used + 4096));
      },
      (redis) => redis.config('SET', 'maxmemory', '0'),
      between(200, 1500, random),
    ),
};

export const connectionsKilled: Fault = {
  row: 'R8',
  title: 'Redis cuts every connection, several times',
  weight: 4,
  inject: (system, random) =>
    withRedis(system, async (redis) => {
      let killed = 0;
      const rounds = between(2, 6, random);
      for (let round = 0; round < rounds; round++) {
        killed += Number(await redis.call('CLIENT', 'KILL', 'TYPE', 'normal'));
        await delay(between(50, 250, random));
      }
      return effect(killed > 0, `Redis cut ${killed} connections in ${rounds} rounds`);
    }),
};

export const wrongPolicy: Fault = {
  row: 'R9',
  title: 'Redis is told to evict keys while everything runs',
  weight: 2,
  inject: (system, random) =>
    withRedis(system, async (redis) => {
      const api = victimOf(system.apis, random);
      await redis.config('SET', 'maxmemory-policy', 'allkeys-lru');
      try {
        const named = await seenWithin(2 * WORK_MS, async () => /allkeys-lru/.test((await readiness(api))?.text ?? ''));
        return effect(
          named !== null,
          named === null ? `${api.name}'s /readyz did not name it` : `${api.name}'s /readyz named the eviction policy`,
        );
      } finally {
        await redis.config('SET', 'maxmemory-policy', 'noeviction');
      }
    }),
};

export const scriptsForgotten: Fault = {
  row: 'R10',
  title: 'Redis forgets its scripts',
  weight: 4,
  inject: (system) =>
    withRedis(system, async (redis) => {
      const before = await refusals(redis, 'NOSCRIPT');
      await redis.script('FLUSH');
      const missed = await seenWithin(WORK_MS, async () => (await refusals(redis, 'NOSCRIPT')) - before);
      return effect(missed !== null, `${missed ?? 0} scripts were asked for in vain and sent again`);
    }),
};

/** Its master is a port that nobody listens on: what it holds it keeps, and it takes no writes. */
export const readOnly: Fault = {
  row: 'R10',
  title: 'Redis becomes a replica that takes no writes',
  weight: 3,
  inject: (system, random) =>
    refusing(
      system,
      'READONLY',
      (redis) => redis.replicaof('127.0.0.1', 1),
      (redis) => redis.replicaof('NO', 'ONE'),
      between(100, 1000, random),
    ),
};
