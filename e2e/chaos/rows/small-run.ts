import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { GenerationRecord } from '@songmill/shared/runtime/records/types';
import type { Storage } from '@songmill/shared/runtime/storage/storage';
import { requires } from '@songmill/shared/testing/requires';
import { readBills } from '../billed.ts';
import { checkRun } from '../checker/check-run.ts';
import { ask, askUntilKnown, type Asked, type Answered } from '../client.ts';
import { type ChaosOptions, openChaosSystem, type OwnChaosSystem } from '../cluster.ts';
import { type LedgerLine, ledgerFromNow, seenWithin } from '../faults/signals.ts';
import { noteFault } from '../history.ts';
import { leftBy } from '../mixed-run.ts';
import { mendAll, quiesce } from '../quiesce.ts';
import { randomOf } from '../random.ts';
import { type RedisView, viewRedis } from '../redis-view.ts';
import type { ChaosProcess, Effect, Fault, Log, Random, Row, RowResult, Verdict } from '../types.ts';

const VOICE = 'vocal-2024112413150824-aj4GKzSM';
const INSTRUMENTAL = 'instrumental-2024112413150824-UE4jIGJY';
const SETTLED = new Set(['succeeded', 'failed', 'canceled', 'needs_review']);
const SETTLE_MS = 60_000;

/** One song of a row's own. */
export interface Song {
  readonly job: number;
  readonly id: string;
  readonly key: string;
  readonly lyrics: string;
}

/** A small system of one row, what it made, and what was seen. */
export interface SmallRun {
  readonly system: OwnChaosSystem;
  readonly view: RedisView;
  readonly random: Random;
  readonly seed: number;
  /** What `post` sends for a job. */
  bodyOf(job: number, words?: string): Readonly<Record<string, unknown>>;
  /** Posts a song and asks until its outcome is known. `words` may hold markers of the simulator; `$` becomes the job. */
  post(words?: string, body?: object): Promise<Song>;
  posts(count: number, words?: string, body?: object): Promise<Song[]>;
  /** Posts one song several times at once with one key; every answer must name one id. */
  postAtOnce(times: number): Promise<Song>;
  /** Keeps songs coming until the end is called; resolves with all that were posted. */
  load(): { end(): Promise<Song[]> };
  ask(api: ChaosProcess, asked: Asked): Promise<Answered>;
  /** Injects a fault, and says whether it had its effect. */
  inject(fault: Fault): Promise<Effect>;
  /** Notes when something is broken by hand, for the checker. */
  breaking<T>(row: string, work: () => Promise<T>): Promise<T>;
  say(sentence: string): void;
  /** An assertion of the row. */
  expect(holds: boolean, sentence: string): void;
  settled(song: Song, limitMs?: number): Promise<GenerationRecord>;
  /** Resolves when each of these has settled. */
  settledIds(ids: readonly string[]): Promise<void>;
  record(song: Song): Promise<GenerationRecord | null>;
  calls(
    song: Song,
  ): Promise<{ readonly calls: number; readonly charges: number; readonly lines: readonly LedgerLine[] }>;
  /** Nothing waits, runs or is owed from here on. */
  rest(): Promise<void>;
  /** What Redis may have lost in this row, and why. */
  mayLose(count: number, because: string): void;
}

export interface SmallRow extends Omit<Row, 'run'> {
  readonly options?: ChaosOptions;
  /** Made before the system and ended after it; its settings go over the system's. */
  readonly around?: () => Promise<Surroundings>;
  play(run: SmallRun): Promise<void>;
}

export interface Surroundings {
  readonly options: ChaosOptions;
  /** Where the checker reads the songs, when they are in no folder. */
  readonly storage?: Storage;
  stop(): Promise<void>;
}

/** Thrown by what a row stands on when this machine cannot give it: the row is skipped by name. */
export class NotHere extends Error {
  override readonly name = 'NotHere';
}

/** A row of the matrix from its play: system before, quiescence, checker and its own assertions after. */
export function smallRow({ options, around, play, ...row }: SmallRow): Row {
  const { row: name, title } = row;
  return {
    ...row,
    async run({ seed, log }) {
      const { missing } = requires(...(row.needs ?? [])).meta;
      if (missing !== undefined) return { row: name, title, passed: true, seen: [], skipped: missing };
      let surroundings: Surroundings | undefined;
      try {
        surroundings = await around?.();
      } catch (error) {
        if (!(error instanceof NotHere)) throw error;
        return { row: name, title, passed: true, seen: [], skipped: error.message };
      }
      const merged = { ...options, ...surroundings?.options };
      try {
        return await runSmall({ row, options: merged, play, seed, log, storage: surroundings?.storage });
      } finally {
        await surroundings?.stop();
      }
    },
  };
}

async function runSmall(given: {
  row: Pick<Row, 'row' | 'title'>;
  options: ChaosOptions;
  play: SmallRow['play'];
  seed: number;
  log: Log;
  storage: Storage | undefined;
}): Promise<RowResult> {
  const { row, title } = given.row;
  const seen: string[] = [];
  let failed = false;
  const say = (sentence: string) => {
    seen.push(sentence);
    given.log(`  ${row}: ${sentence}`);
  };
  const fail = (sentence: string) => {
    failed = true;
    say(`FAILED: ${sentence}`);
  };
  const system = await openChaosSystem({ apis: 2, workers: 3, timeScale: 0.005, ...given.options });
  const view = viewRedis(system);
  const ledger = await ledgerFromNow(system);
  const { run, mayLose } = openRun({ system, view, ledger, seed: given.seed, row, say, fail });
  let verdict: Verdict | undefined;
  try {
    await given.play(run);
    await run.rest();
    for (const each of [...system.apis, ...system.workers]) {
      const exit = await each.stop();
      if (exit.code !== 0) fail(`${each.name}, idle and told to stop, ended with ${exit.signal ?? exit.code}`);
    }
    const left = leftBy(system, mayLose());
    verdict = await checkRun(given.storage === undefined ? left : { ...left, storage: given.storage });
    for (const { invariant, job, id, message } of verdict.violations) {
      fail(`${invariant}: job ${job ?? '?'} ${id ?? ''}: ${message}`);
    }
  } catch (error) {
    fail(error instanceof Error ? (error.stack ?? error.message) : String(error));
  } finally {
    view.close();
  }
  for (const end of system.unaskedEnds()) fail(`${end.name} ended by itself with ${end.code}`);
  if (failed) say(`everything of this row is kept in ${system.data}`);
  await system.stop({ keepData: failed });
  return { row, title, passed: !failed, seen, ...(verdict === undefined ? {} : { verdict }) };
}

function openRun(given: {
  system: OwnChaosSystem;
  view: RedisView;
  ledger: () => Promise<readonly LedgerLine[]>;
  seed: number;
  row: string;
  say: (sentence: string) => void;
  fail: (sentence: string) => void;
}): { run: SmallRun; mayLose: () => { count: number; because: string } | undefined } {
  const { system, view, ledger, seed, row, say, fail } = given;
  const random = randomOf(seed, row);
  const bills = readBills(system);
  let jobs = 0;
  let losses: { count: number; because: string } | undefined;

  async function post(times: number, words?: string, more: object = {}): Promise<Song> {
    jobs += 1;
    const job = jobs;
    const body = { ...run.bodyOf(job, words), ...more };
    const key = `row-${row}-${seed}-${job}`;
    const asked = { op: 'create', job, method: 'POST', path: '/v1/generations', key, body } as const;
    const answers = await Promise.all(
      Array.from({ length: times }, (_, n) => askUntilKnown(system, asked, randomOf(seed, row, job, n), () => false)),
    );
    const [id, ...others] = answers.map((each) => each?.body?.['id']);
    if (typeof id !== 'string') throw new Error(`job ${job} was answered ${JSON.stringify(answers)}`);
    if (others.some((each) => each !== id))
      fail(`the key of job ${job} was answered with ${[id, ...others].join(', ')}`);
    return { job, id, key, lyrics: run.bodyOf(job, words)['lyrics'] as string };
  }

  const run: SmallRun = {
    system,
    view,
    random,
    seed,
    bodyOf: (job, words = '') => ({
      lyrics: `job ${job} of seed ${seed}\n${words.replaceAll('$', String(job))}`,
      refer_voice: VOICE,
      refer_instrumental: INSTRUMENTAL,
    }),
    post: (words, body) => post(1, words, body),
    postAtOnce: (times) => post(times),
    posts: (count, words, body) => Promise.all(Array.from({ length: count }, () => run.post(words, body))),
    load() {
      const songs: Song[] = [];
      const over = new AbortController();
      const posting = (async () => {
        while (!over.signal.aborted) {
          const free = 32 - (await view.unsettled());
          if (free > 0) songs.push(...(await run.posts(Math.min(free, 8))));
          await delay(30);
        }
      })();
      posting.catch(() => undefined);
      return {
        async end() {
          over.abort();
          await posting;
          return songs;
        },
      };
    },
    ask: (api, asked) => ask(system, api, asked),
    async inject(fault) {
      const began = new Date();
      const effect = await fault.inject(system, random);
      noteFault(system, { row, began_at: began.toISOString(), ended_at: new Date().toISOString(), ...effect });
      await mendAll(system);
      run.expect(effect.effective, effect.seen);
      return effect;
    },
    async breaking(name, work) {
      const began = new Date();
      const result = await work();
      const ended_at = new Date().toISOString();
      noteFault(system, { row: name, began_at: began.toISOString(), ended_at, effective: true });
      return result;
    },
    say,
    expect(holds, sentence) {
      if (holds) say(sentence);
      else fail(sentence);
    },
    async settled(song, limitMs = SETTLE_MS) {
      const record = await seenWithin(limitMs, async () => {
        const now = await view.record(song.id);
        return now !== null && SETTLED.has(now.status) ? now : null;
      });
      if (record === null) throw new Error(`job ${song.job} ${song.id} did not settle within ${limitMs} ms`);
      return record;
    },
    async settledIds(ids) {
      for (const id of ids) {
        await seenWithin(SETTLE_MS, async () => SETTLED.has((await view.record(id))?.status ?? 'gone'));
      }
    },
    record: (song) => view.record(song.id),
    async calls({ lyrics }) {
      const sha = createHash('sha256').update(lyrics).digest('hex');
      const lines = (await ledger()).filter((line) => line.lyrics_sha256 === sha);
      return {
        calls: new Set(lines.map(({ call }) => call)).size,
        charges: (await bills(lyrics)).charges,
        lines,
      };
    },
    rest: () => quiesce(system, view),
    mayLose(count, because) {
      losses = { count, because };
    },
  };
  return { run, mayLose: () => losses };
}

/** Asserts for songs that nothing may have made dearer: one call each, no more. */
export async function expectOneCall(run: SmallRun, songs: readonly Song[], what: string): Promise<void> {
  const wrong: string[] = [];
  for (const song of songs) {
    const { calls } = await run.calls(song);
    if (calls !== 1) wrong.push(`job ${song.job} ${song.id}: ${calls} calls`);
  }
  run.expect(wrong.length === 0, `${songs.length} ${what} were bought once each${listed(wrong)}`);
}

/** Asserts that each of them ended in a song. */
export async function expectSucceeded(run: SmallRun, songs: readonly Song[], what: string): Promise<void> {
  const wrong: string[] = [];
  for (const song of songs) {
    const { status } = await run.settled(song);
    if (status !== 'succeeded') wrong.push(`job ${song.job} ${song.id}: ${status}`);
  }
  run.expect(wrong.length === 0, `${songs.length} ${what} succeeded${listed(wrong)}`);
}

function listed(wrong: readonly string[]): string {
  return wrong.length === 0 ? '' : `; but ${wrong.slice(0, 5).join(', ')}${wrong.length > 5 ? ', …' : ''}`;
}
