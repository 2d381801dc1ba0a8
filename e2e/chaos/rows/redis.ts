import { setTimeout as delay } from 'node:timers/promises';
import { seenWithin, refusals, withRedis, readiness } from '../faults/signals.ts';
import { apiRefused, apiSilenced, bothSilenced, workerRefused, workerSilenced } from '../faults/network.ts';
import {
  connectionsKilled,
  freezeRedis,
  readOnly,
  redisFull,
  redisKilled,
  scriptsForgotten,
  wrongPolicy,
} from '../faults/redis.ts';
import type { Effect, Fault, Row } from '../types.ts';
import { expectOneCall, expectSucceeded, type SmallRun, type Surroundings, smallRow } from './small-run.ts';
import { repliesLost } from './replies.ts';
import { mountSmallDisk, type SmallDisk } from './small-disk.ts';
import { underLoad } from './under-load.ts';

/** Redis that dies, freezes, fills up, is out of reach, or forgets; without losing what it has written. */

/** A frozen or absent Redis must not hold callers up: much longer than the product needs, for a busy machine. */
const FAST_MS = 3000;

/** Posts while something is broken, and says how the API refuses. */
async function expectRefused(small: SmallRun, how: (work: () => Promise<void>) => Promise<Effect>): Promise<void> {
  const api = small.system.apis[0]!;
  let refused = false;
  let told = '';
  const effect = await how(async () => {
    const began = performance.now();
    const response = await fetch(`${api.url}/v1/generations`, {
      method: 'POST',
      headers: { authorization: `Bearer ${small.system.apiKey}`, 'content-type': 'application/json' },
      // Nothing could come of it even if it were accepted: the words are missing.
      body: JSON.stringify(small.bodyOf(900_000)),
    }).catch(() => null);
    const ms = Math.round(performance.now() - began);
    refused = response?.status === 503 && response.headers.has('retry-after') && ms < FAST_MS;
    told = `an API answered ${response?.status ?? 'nothing'} after ${ms} ms`;
  });
  small.expect(effect.effective, effect.seen);
  small.expect(refused, `${told}; 503 with Retry-After within ${FAST_MS} ms is promised`);
}

/** Redis down for this long, with songs under way. */
function down(ms: number): Fault {
  return {
    ...redisKilled,
    async inject(system) {
      const { pid } = system.redis;
      await system.redis.kill('SIGKILL');
      await delay(ms);
      await system.redis.restart();
      return { effective: system.redis.pid !== pid, seen: `Redis was down for ${ms} ms` };
    },
  };
}

function frozen(ms: number): Fault {
  return { row: 'R4', title: `Redis is frozen for ${ms} ms`, weight: 1, inject: (system) => freezeRedis(system, ms) };
}

const refusesWhileDown = smallRow({
  row: 'R1',
  title: 'while Redis is down the API refuses at once, and everything goes on by itself afterwards',
  async play(small) {
    await small.breaking('R1', () =>
      expectRefused(small, async (work) => {
        await small.system.redis.kill('SIGKILL');
        await delay(300);
        await work();
        await small.system.redis.restart();
        return { effective: true, seen: 'Redis was killed while nothing ran' };
      }),
    );
    const songs = await small.posts(5);
    await expectSucceeded(small, songs, 'songs posted afterwards');
    await expectOneCall(small, songs, 'songs');
  },
});

const refusesWhileFull = smallRow({
  row: 'R5',
  title: 'with its memory full Redis refuses, the API says 503, and nothing is half written',
  async play(small) {
    await small.breaking('R5', () =>
      expectRefused(small, (work) =>
        withRedis(small.system, async (redis) => {
          await redis.config('SET', 'maxmemory', '1mb');
          await work();
          const refused = await refusals(redis, 'OOM');
          await redis.config('SET', 'maxmemory', '0');
          return { effective: refused > 0, seen: `Redis refused ${refused} writes` };
        }),
      ),
    );
    await expectSucceeded(small, await small.posts(5), 'songs posted afterwards');
  },
});

let disk: SmallDisk;
const noRoomForLog = smallRow({
  row: 'R6',
  title: 'the disk of the append-only file is full: writes are refused, nothing that was accepted is lost',
  needs: ['mount', 'root'],
  async around(): Promise<Surroundings> {
    disk = await mountSmallDisk('24m');
    // With `always` Redis ends instead of refusing.
    return { options: { redis: { appendfsync: 'everysec', args: ['--dir', disk.path] } }, stop: () => disk.stop() };
  },
  async play(small) {
    const load = small.load();
    for (let time = 0; time < 2; time++) {
      await delay(500);
      await small.breaking('R6', () =>
        expectRefused(small, (work) =>
          withRedis(small.system, async (redis) => {
            await disk.fill();
            const refused = await seenWithin(15_000, () => refusals(redis, 'MISCONF'));
            await work();
            await disk.empty();
            const over = await seenWithin(15_000, async () => /aof_last_write_status:ok/.test(await redis.info()));
            return {
              effective: refused !== null && over !== null,
              seen: `Redis refused ${refused ?? 0} writes because its log had no room`,
            };
          }),
        ),
      );
    }
    const songs = await load.end();
    await small.rest();
    await small.system.redis.restart();
    await expectSucceeded(small, songs, 'songs, also after a restart of Redis from its log,');
  },
});

const named = smallRow({
  row: 'R9',
  title: 'a Redis that would evict keys is named by /readyz, and a worker does not start on it',
  async play(small) {
    const load = small.load();
    await small.inject(wrongPolicy);
    await withRedis(small.system, async (redis) => {
      const worker = small.system.workers[0]!;
      await worker.stop();
      await redis.config('SET', 'maxmemory-policy', 'allkeys-lru');
      const refused = await worker.start().then(
        () => null,
        (error: Error) => error.message,
      );
      await redis.config('SET', 'maxmemory-policy', 'noeviction');
      small.expect(
        refused !== null && /maxmemory-policy/.test(refused),
        `a worker ${refused === null ? 'started' : `refused to start: ${/maxmemory-policy[^\n"]*/.exec(refused)?.[0] ?? refused.slice(0, 200)}`}`,
      );
      await worker.start();
      await redis.config('SET', 'appendonly', 'no');
      const api = small.system.apis[0]!;
      const told = await seenWithin(FAST_MS * 4, async () => {
        const ready = await readiness(api);
        return ready !== null && ready.status === 503 && /append/i.test(ready.text);
      });
      await redis.config('SET', 'appendonly', 'yes');
      small.expect(
        told !== null,
        `/readyz ${told === null ? 'did not say' : 'said'} that the append-only file was off`,
      );
    });
    const songs = await load.end();
    await expectSucceeded(small, songs, 'songs');
    await expectOneCall(small, songs, 'songs');
  },
});

export const REDIS_ROWS: readonly Row[] = [
  refusesWhileDown,
  underLoad({
    row: 'R1',
    title: 'Redis is killed under load, for less than a lease: nothing is bought twice',
    faults: [down(500), down(1500)],
    times: 2,
    mayCost: 'nothing',
  }),
  underLoad({
    row: 'R1',
    title: 'Redis is killed under load, for longer than a lease',
    faults: [down(4500)],
    times: 2,
    mayCost: 'anybody',
  }),
  smallRow({
    row: 'R4',
    title: 'while Redis is frozen the API refuses fast',
    async play(small) {
      await small.breaking('R4', () =>
        expectRefused(small, async (work) => {
          const freezing = freezeRedis(small.system, 4000);
          await delay(200);
          await work();
          return freezing;
        }),
      );
      await expectSucceeded(small, await small.posts(5), 'songs posted afterwards');
    },
  }),
  underLoad({
    row: 'R4',
    title: 'Redis is frozen under load, for less than a lease: nothing is bought twice',
    faults: [frozen(1500)],
    mayCost: 'nothing',
  }),
  underLoad({
    row: 'R4',
    title: 'Redis is frozen under load, for longer than a lease',
    faults: [frozen(4500)],
    times: 2,
    mayCost: 'anybody',
  }),
  refusesWhileFull,
  underLoad({ row: 'R5', title: 'Redis is full under load', faults: [redisFull], mayCost: 'nothing' }),
  noRoomForLog,
  underLoad({
    row: 'R7',
    title: 'processes and Redis are cut off from each other, for less than a lease: nothing is bought twice',
    faults: [workerRefused, workerSilenced, apiRefused, apiSilenced, bothSilenced],
    times: 1,
    mayCost: 'nothing',
  }),
  underLoad({
    row: 'R8',
    title: 'connections are cut again and again: no worker stays stuck, nothing is bought twice',
    faults: [connectionsKilled],
    mayCost: 'nothing',
  }),
  named,
  underLoad({
    row: 'R10',
    title: 'Redis forgets its scripts and takes no writes for a while: nothing is lost or bought twice',
    faults: [scriptsForgotten, readOnly],
    mayCost: 'nothing',
  }),
  repliesLost,
];
