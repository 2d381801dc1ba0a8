import {
  freezeWorker,
  killedBeforeCall,
  killInCall,
  killAt,
  killSome,
  stopWithGrace,
  stopWithoutGrace,
  throwAt,
} from '../faults/kills.ts';
import { openCalls, seenWithin } from '../faults/signals.ts';
import type { CrashPoint, Row } from '../types.ts';
import { expectOneCall, expectSucceeded, type Song, type SmallRun, smallRow } from './small-run.ts';
import { underLoad } from './under-load.ts';

/** Workers that die, freeze, throw or are told to stop. */

const TAKEN_MS = 20_000;

async function expectAtMost(run: SmallRun, hit: readonly Song[], most: number): Promise<void> {
  const counts = await Promise.all(hit.map(async (song) => (await run.calls(song)).calls));
  run.expect(
    counts.every((count) => count <= most),
    `${hit.length} generations were hit; the dearest had ${Math.max(0, ...counts)} calls, ${most} are allowed`,
  );
}

const SETTLED = new Set(['succeeded', 'failed', 'canceled', 'needs_review']);

/**
 * Kills whoever holds this generation's call, with its call number `calls` open in the simulator, and starts it again.
 * False when there is no such call any more.
 */
async function killHolder(run: SmallRun, song: Song, calls: number): Promise<boolean> {
  const holder = await seenWithin(TAKEN_MS, async () => {
    if (SETTLED.has((await run.record(song))?.status ?? '')) return 'settled';
    if ((await run.calls(song)).calls < calls) return null;
    for (const each of run.system.workers) {
      if (each.process !== null && (await openCalls(run.system, each)).includes(song.id)) return each;
    }
    return null;
  });
  if (holder === null || holder === 'settled') return false;
  await holder.kill('SIGKILL');
  await holder.start();
  return true;
}

async function killAgainAndAgain(run: SmallRun, song: Song, deaths: number): Promise<number> {
  let died = 0;
  await run.breaking('W5', async () => {
    while (died < deaths && (await killHolder(run, song, died + 1))) died += 1;
  });
  return died;
}

const sameGeneration = smallRow({
  row: 'W5',
  title: 'a generation that kills every worker ends with a person, never silently failed',
  async play(run) {
    const song = await run.post('[sim:latency=1500]');
    const died = await killAgainAndAgain(run, song, 5);
    const record = await run.settled(song);
    const { calls } = await run.calls(song);
    run.expect(died === 2, `${died} workers died of it before its budget of two unknown charges was used up`);
    run.expect(record.status === 'needs_review', `it is ${record.status}, with ${calls} calls`);
    run.expect(calls === died, `${calls} calls for ${died} deaths`);
    run.expect(
      record.attempts.every(({ outcome, charge }) => outcome === 'unknown' && charge === 'unknown'),
      `its attempts say ${record.attempts.map(({ charge }) => charge).join(', ')}`,
    );
    const api = run.system.apis[0]!;
    const path = `/v1/generations/${song.id}/resolve`;
    await run.ask(api, {
      op: 'resolve',
      job: song.job,
      id: song.id,
      method: 'POST',
      path,
      body: { charged: true, action: 'retry' },
    });
    await expectSucceeded(run, [song], 'song, resolved by a person,');
  },
});

const sixDeaths = smallRow({
  row: 'X6',
  title: 'one generation is killed six times and becomes a song when the budget allows it',
  options: { env: { MAX_UNKNOWN_CHARGES: '10', MAX_ATTEMPTS: '20' } },
  async play(run) {
    const song = await run.post('[sim:latency=1200]');
    const died = await killAgainAndAgain(run, song, 6);
    await expectSucceeded(run, [song], 'song');
    const record = await run.settled(song);
    const { calls } = await run.calls(song);
    run.expect(died === 6, `${died} workers died of it`);
    run.expect(
      record.attemptsTotal === died + 1 && calls === died + 1,
      `${record.attemptsTotal} attempts are on record and ${calls} calls in the ledger`,
    );
  },
});

const processorThrows = smallRow({
  row: 'X3',
  title: 'a processor that throws decides nothing, wherever it throws',
  async play(run) {
    const points: CrashPoint[] = [
      'claimed',
      'intent-written',
      'answered',
      'stored',
      'committed',
      'published',
      'settled',
    ];
    for (const point of points) {
      const songs = await run.breaking('X3', async () => {
        const throwing = throwAt(run.system, point, TAKEN_MS);
        const posted = await run.posts(4);
        run.expect((await throwing) !== null, `a worker threw at ${point}`);
        return posted;
      });
      await expectSucceeded(run, songs, `songs around an error at ${point}`);
      await run.rest();
      await expectOneCall(run, songs, `songs around an error at ${point}`);
    }
  },
});

const retryWhileActive = smallRow({
  row: 'X2',
  title: 'a retry is posted while the old queue job is still active',
  async play(run) {
    const api = run.system.apis[0]!;
    for (let round = 0; round < 3; round++) {
      const song = await run.post('[sim:latency=1500]');
      const { id, job } = song;
      await seenWithin(TAKEN_MS, async () => (await run.calls(song)).calls > 0);
      await run.breaking('X2', async () => {
        const act = (op: 'cancel' | 'retry') =>
          run.ask(api, { op, job, id, method: 'POST', path: `/v1/generations/${id}/${op}` });
        const canceled = await act('cancel');
        const retried = await act('retry');
        run.expect(
          canceled.status === 200 && retried.status === 202,
          `with its call open, cancel answered ${canceled.status} and retry ${retried.status}`,
        );
      });
      await expectSucceeded(run, [song], 'song');
      await run.rest();
      const record = await run.settled(song);
      const { calls } = await run.calls(song);
      run.expect(
        record.run === 2 && record.attemptsTotal === calls,
        `run ${record.run}: ${calls} calls, ${record.attemptsTotal} attempts${record.spare ? ', the other song is a spare' : ''}`,
      );
    }
  },
});

/** Kills at points of a run where the song is paid for: whatever else the victim had in hand, this one costs nothing more. */
function atCrashPoints(row: string, title: string, points: readonly CrashPoint[]): Row {
  return smallRow({
    row,
    title,
    async play(run) {
      const load = run.load();
      const hit = new Set<string>();
      const others = new Set<string>();
      for (let time = 0; time < 4; time++) {
        for (const point of points) {
          const killed = await run.breaking(row, () => killAt(run.system, point));
          run.expect(
            killed !== null,
            killed === null
              ? `no worker came to ${point}`
              : `${killed.victim.name} was killed at ${point} of ${killed.id} with ${killed.others.length} other calls open`,
          );
          if (killed === null) continue;
          hit.add(killed.id);
          for (const id of killed.others) others.add(id);
          await run.settledIds([killed.id, ...killed.others]);
        }
      }
      const all = await load.end();
      await run.rest();
      const those = (ids: ReadonlySet<string>) => all.filter(({ id }) => ids.has(id));
      for (const id of others) hit.delete(id);
      await expectOneCall(run, those(hit), 'generations that were at the crash point');
      await expectAtMost(run, those(others), 2);
      const untouched = all.filter(({ id }) => !hit.has(id) && !others.has(id));
      await expectOneCall(run, untouched, 'songs that were not hit');
      await expectSucceeded(run, all, 'songs');
    },
  });
}

export const WORKER_ROWS: readonly Row[] = [
  underLoad({
    row: 'W1',
    title: 'workers are killed with calls open',
    faults: [killInCall, killedBeforeCall],
    mayCost: 'the hit',
    afterwards: (run, hit) => expectAtMost(run, hit, 2),
  }),
  atCrashPoints('W2', 'workers are killed after the whole reply: it is in the spool, and is not bought again', [
    'answered',
  ]),
  atCrashPoints('W3', 'workers are killed after storing: nothing is bought again', ['stored', 'committed']),
  atCrashPoints('W4', 'workers are killed after publishing: nothing is bought again, every counter is right', [
    'published',
    'settled',
  ]),
  sameGeneration,
  underLoad({
    row: 'W6',
    title: 'a third of the workers is killed, again and again',
    faults: [killSome],
    times: 8,
    mayCost: 'the hit',
    afterwards: (run, hit) => expectAtMost(run, hit, 2),
  }),
  underLoad({
    row: 'W7',
    title: 'workers are told to stop with time for their calls: nothing is bought again',
    faults: [stopWithGrace],
    mayCost: 'nothing',
  }),
  underLoad({
    row: 'W7',
    title: 'workers are told to stop with no time for their calls',
    faults: [stopWithoutGrace],
    mayCost: 'the hit',
    afterwards: (run, hit) => expectAtMost(run, hit, 2),
  }),
  underLoad({
    row: 'W8',
    title: 'workers are frozen for longer than their lease and locks; what they bought is not wasted',
    faults: [freezeWorker],
    mayCost: 'the hit',
    async afterwards(run, hit) {
      await expectAtMost(run, hit, 2);
      const records = await Promise.all(hit.map((song) => run.settled(song)));
      const wasted = records.filter(({ attempts }) => attempts.some(({ charge }) => charge !== 'charged'));
      run.expect(wasted.length === 0, `${hit.length} were hit, and of ${wasted.length} an answer was lost`);
    },
  }),
  retryWhileActive,
  processorThrows,
  sixDeaths,
];
