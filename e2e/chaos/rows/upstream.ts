import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { Charge, Outcome, Status } from '@songmill/shared/contract/words';
import { keysIn, seenWithin, withRedis } from '../faults/signals.ts';
import {
  lateFirstAnswer,
  pauseInHold,
  rateLimitInHold,
  slowCalls,
  SLOW_MS,
  upstreamAbsent,
  upstreamSlow,
} from '../faults/upstream.ts';
import type { Row } from '../types.ts';
import { expectSucceeded, type Song, type SmallRun, smallRow } from './small-run.ts';
import { underLoad } from './under-load.ts';

/** The upstream's faults, each with what the public table says of it: outcome and charge of the attempt, and the end. */

interface Expected {
  /** In the simulator's words, without brackets; it is played once per song. */
  readonly fault: string;
  readonly outcome: Outcome;
  readonly charge: Charge;
  /** How the generation ends; a song unless said otherwise. */
  readonly ends?: Status;
}

/** Songs that meet one fault each, three per kind; `$` keeps their markers apart. */
function meeting(
  row: string,
  title: string,
  table: readonly Expected[],
  more: Partial<Parameters<typeof smallRow>[0]> = {},
): Row {
  return smallRow({
    row,
    title,
    ...more,
    async play(run) {
      await run.breaking(row, async () => {
        for (const expected of table) await expectMeeting(run, expected);
      });
      await more.play?.(run);
    },
  });
}

async function expectMeeting(run: SmallRun, { fault, outcome, charge, ends = 'succeeded' }: Expected): Promise<void> {
  const songs = await run.posts(3, `[sim:${fault},x1,id=$]`);
  const wrong: string[] = [];
  for (const song of songs) {
    const { status, attempts } = await run.settled(song);
    const first = attempts[0];
    if (status !== ends || first?.outcome !== outcome || first.charge !== charge) {
      wrong.push(`job ${song.job}: ${first?.outcome}, ${first?.charge}, then ${status}`);
    }
  }
  const promised = `${outcome}, ${charge}, then ${ends}`;
  run.expect(wrong.length === 0, `${fault}: ${promised}${wrong.length > 0 ? `; but ${wrong.join('; ')}` : ''}`);
}

const refused = { outcome: 'rate_limited', charge: 'none' } as const;
const unknown = { outcome: 'unknown', charge: 'unknown' } as const;
const stated = { outcome: 'retryable', charge: 'none' } as const;
const wasted = { outcome: 'retryable', charge: 'charged' } as const;

const slowRate = smallRow({
  row: 'U1',
  title: 'the upstream allows fewer calls than we make: few are refused, and no attempt is used up',
  options: { env: { MAX_ATTEMPTS: '2' } },
  async play(run) {
    await run.breaking('U1', async () => {
      await run.system.sim.config({ rate_per_minute: 10, rate_window_ms: 1000 });
      const songs = await run.posts(60);
      await expectSucceeded(run, songs, 'songs at ten a second');
      const refusals = await Promise.all(
        songs.map(async (song) => {
          const { attempts } = await run.settled(song);
          return attempts.filter(({ outcome }) => outcome === 'rate_limited').length;
        }),
      );
      const sum = refusals.reduce((all, each) => all + each, 0);
      run.expect(sum <= songs.length, `${sum} calls were refused for ${songs.length} songs`);
      const counted = await Promise.all(songs.map(async (song) => (await run.settled(song)).counted));
      run.expect(
        counted.every((each) => each <= 1),
        'a refusal used no attempt up',
      );
    });
  },
});

const absurdWait = smallRow({
  row: 'U1',
  title: 'an absurd Retry-After makes nobody wait for longer than an hour, and nobody ask in a loop',
  async play(run) {
    const song = await run.post('[sim:status=429,retry_after=1000000000,x1,id=$]');
    const end = await withRedis(run.system, async (redis) => {
      const brakes = keysIn(run.system).brakes;
      return seenWithin(10_000, async () => Number(await redis.zscore(brakes, 'rate_limit')));
    });
    const minutes = Math.round(((end ?? Number.NaN) - Date.now()) / 60_000);
    run.expect(minutes >= 59 && minutes <= 60, `starts are stopped for ${minutes} minutes`);
    await delay(3000);
    const record = await run.record(song);
    run.expect(record?.attemptsTotal === 1, `${record?.attemptsTotal} calls were made in three seconds`);
    await run.ask(run.system.apis[0]!, {
      op: 'cancel',
      job: song.job,
      id: song.id,
      method: 'POST',
      path: `/v1/generations/${song.id}/cancel`,
    });
  },
});

/** Resident memory at most, in MB. */
async function mostMemory(run: SmallRun): Promise<number> {
  const peaks = await Promise.all(
    run.system.workers.map(async (each) => {
      const status = await readFile(`/proc/${each.process!.pid}/status`, 'utf8');
      return Number(/^VmHWM:\s+(\d+) kB/m.exec(status)![1]) / 1024;
    }),
  );
  return Math.round(Math.max(...peaks));
}

const MOST_MEMORY_MB = 300;

export const UPSTREAM_ROWS: readonly Row[] = [
  meeting('U1', 'rate limits with and without Retry-After: nothing is charged, no attempt is used up', [
    { fault: 'code=1002', ...refused },
    { fault: 'code=1041', ...refused },
    { fault: 'status=429', ...refused },
    { fault: 'code=1002,retry_after=1', ...refused },
    { fault: 'status=429,retry_after=0', ...refused },
  ]),
  slowRate,
  absurdWait,
  meeting('U2', 'errors of the upstream: what it states is free, what it does not state is unknown', [
    { fault: 'code=1001', ...stated },
    { fault: 'code=1024', ...stated },
    { fault: 'code=1000', ...unknown },
    { fault: 'err=-10003', ...unknown },
    { fault: 'err=-1024', ...unknown },
    { fault: 'status=500', ...unknown },
    { fault: 'status=503', ...unknown },
    { fault: 'status=504', ...unknown },
    { fault: 'code=1026', outcome: 'rejected', charge: 'none', ends: 'failed' },
    { fault: 'code=1027', outcome: 'rejected', charge: 'unknown', ends: 'failed' },
  ]),
  underLoad({
    row: 'U2',
    title: 'the upstream goes away and comes back: calls that were never sent are free, the cut ones are within budget',
    faults: [upstreamAbsent],
    mayCost: 'anybody',
  }),
  meeting(
    'U3',
    'the upstream hangs or drips: one deadline ends the call, its charge is unknown',
    [
      { fault: 'hang', ...unknown },
      { fault: 'drip=60000', ...unknown },
    ],
    { options: { env: { UPSTREAM_TIMEOUT_MS: '2000' } } },
  ),
  meeting('U4', 'rubbish is never taken for a song, and what was billed is told', [
    { fault: 'truncate', ...unknown },
    { fault: 'html', ...unknown },
    { fault: 'object', ...unknown },
    { fault: 'data_status=1', ...unknown },
    { fault: 'odd', ...wasted },
    { fault: 'badhex=-1', ...wasted },
    { fault: 'badhex=3', ...wasted },
    { fault: 'empty', ...wasted },
    { fault: 'garbage', ...wasted },
  ]),
  meeting(
    'U5',
    'huge answers are cut off; memory stays bounded',
    [
      { fault: 'huge=16', outcome: 'rejected', charge: 'unknown', ends: 'failed' },
      { fault: 'late=2', outcome: 'succeeded', charge: 'charged' },
    ],
    {
      options: { env: { UPSTREAM_MAX_RESPONSE_BYTES: '8000000' } },
      async play(run) {
        const most = await mostMemory(run);
        run.expect(most < MOST_MEMORY_MB, `no worker took more than ${most} MB`);
      },
    },
  ),
  meeting('U6', 'connections that break: what may have been billed is unknown', [
    { fault: 'rst', ...unknown },
    { fault: 'lost', ...unknown },
    { fault: 'close', ...unknown },
  ]),
  underLoad({
    row: 'U7',
    title: 'the upstream becomes many times slower: no lock is lost, nothing is bought twice',
    faults: [upstreamSlow],
    times: 2,
    mayCost: 'nothing',
    async afterwards(run, _hit, all) {
      const lines = (await Promise.all(all.map(async (song) => (await run.calls(song)).lines))).flat();
      run.say(`${slowCalls(lines, SLOW_MS * 0.9)} calls took ${SLOW_MS} ms`);
    },
  }),
  underLoad({
    row: 'U8',
    title: 'a late first answer: one song is published, the other is a spare, both are on record',
    // The first call must not be over by our own deadline when its worker wakes up.
    options: { env: { UPSTREAM_TIMEOUT_MS: '30000' } },
    faults: [lateFirstAnswer],
    mayCost: 'the hit',
    async afterwards(run, hit) {
      for (const song of hit) await expectBothOnRecord(run, song);
    },
  }),
  underLoad({
    row: 'X4',
    title: 'the probe of an account hold meets a rate limit: the hold ends, nothing is lost',
    faults: [rateLimitInHold],
    mayCost: 'anybody',
  }),
  underLoad({
    row: 'X5',
    title: 'an operator pauses and resumes during an account hold: both end, nothing is lost',
    faults: [pauseInHold],
    mayCost: 'anybody',
  }),
];

async function expectBothOnRecord(run: SmallRun, song: Song): Promise<void> {
  const [{ attempts, attemptsTotal }, { calls, charges }] = [await run.settled(song), await run.calls(song)];
  const paid = attempts.filter(({ charge }) => charge === 'charged').length;
  run.expect(
    attemptsTotal >= calls && paid === charges,
    `job ${song.job}: ${calls} calls, ${charges} billed; ${attemptsTotal} attempts on record, ${paid} of them charged`,
  );
}
