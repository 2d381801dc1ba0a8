import { setTimeout as delay } from 'node:timers/promises';
import { freeze } from '../faults/kills.ts';
import { freezeRedis } from '../faults/redis.ts';
import { openCalls, refusals, seenWithin, withRedis } from '../faults/signals.ts';
import type { Row } from '../types.ts';
import { type SmallRun, smallRow } from './small-run.ts';

/**
 * What makes BullMQ alone pay twice and throw the first answer away: a lock that ends while its call is open, with
 * everybody alive. Here one song is published, and every call is on record.
 */

/** Longer than lock and lease, which are 3 s here. */
const LONGER_MS = 4500;

const WAYS: readonly { readonly title: string; readonly loseLock: (run: SmallRun) => Promise<string> }[] = [
  {
    title: 'the event loop of the worker stands still',
    async loseLock(run) {
      const busy = await seenWithin(10_000, async () => {
        for (const each of run.system.workers) if ((await openCalls(run.system, each)).length > 0) return each;
        return null;
      });
      return busy === null ? 'no call was open' : (await freeze(run.system, busy, LONGER_MS)).seen;
    },
  },
  {
    title: 'Redis is killed, and away for longer than the lock',
    async loseLock(run) {
      await run.system.redis.kill('SIGKILL');
      await delay(LONGER_MS);
      await run.system.redis.restart();
      return `Redis was down for ${LONGER_MS} ms`;
    },
  },
  {
    title: 'Redis is frozen for longer than the lock',
    loseLock: async (run) => (await freezeRedis(run.system, LONGER_MS)).seen,
  },
  {
    title: 'Redis takes no writes for longer than the lock',
    loseLock: (run) =>
      withRedis(run.system, async (redis) => {
        await redis.config('SET', 'maxmemory', '1mb');
        await delay(LONGER_MS);
        const refused = await refusals(redis, 'OOM');
        await redis.config('SET', 'maxmemory', '0');
        return `Redis refused ${refused} writes in ${LONGER_MS} ms`;
      }),
  },
];

const lockLoss = smallRow({
  row: 'X8',
  title: 'a lock is lost while its call is open: one song is published, every call is on record',
  // The call is still open when the lock has gone, and is answered after it.
  options: { env: { UPSTREAM_TIMEOUT_MS: '15000' } },
  async play(run) {
    for (const { title, loseLock } of WAYS) {
      const songs = await run.posts(4, '[sim:latency=5500]');
      await seenWithin(10_000, async () => (await run.system.sim.state()).open_calls >= songs.length);
      run.say(`${title}: ${await run.breaking('X8', () => loseLock(run))}`);
      for (const song of songs) await run.settled(song);
      await run.rest();
      for (const song of songs) {
        const [record, { calls, charges }] = [await run.settled(song), await run.calls(song)];
        const paid = record.attempts.filter(({ charge }) => charge === 'charged').length;
        run.expect(
          record.status === 'succeeded' && record.song !== null && record.attemptsTotal === calls && paid === charges,
          `job ${song.job} is ${record.status} with ${calls} calls and ${charges} bills; on record are ${record.attemptsTotal} attempts, ${paid} charged`,
        );
      }
    }
  },
});

export const LOCK_ROWS: readonly Row[] = [lockLoss];
