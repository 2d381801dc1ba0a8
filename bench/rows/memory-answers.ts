import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { ROOT, type TestProcess } from '@songmill/shared/testing/processes';
import { tiedToUs } from '@songmill/shared/testing/programs';
import type { Plan } from '../plan.ts';
import type { Result } from '../result.ts';
import { ratioOf, spreadOf, takeTurns } from '../rounds.ts';
import { callsAnswered, releaseAnswers, startCannedUpstream, stopCleanly } from '../start.ts';

const run = promisify(execFile);
const FLOOR = fileURLToPath(new URL('../floors/memory.ts', import.meta.url));
/** The worker's own client of the upstream in a process of its own; its memory test runs it too. */
const OURS = join(ROOT, 'packages/worker/src/upstream/testing/many-calls.ts');
/** 4 MB as hex. */
const ANSWERED_SONG_BYTES = 2_000_000;
const HEAP_MB = 96;
/** Ours over the floor's. */
const AIM = 0.25;

/** What many large answers at once add to the memory of the process that gets them. */
export async function measureMemory(plan: Plan): Promise<Result> {
  const upstream = await startCannedUpstream({ songBytes: ANSWERED_SONG_BYTES, hold: true });
  const measured = await takeTurns(plan.rounds, {
    floor: () => oneRound(upstream, plan.answerCount, [FLOOR]),
    ours: () => oneRound(upstream, plan.answerCount, [`--max-old-space-size=${HEAP_MB}`, '--conditions=source', OURS]),
  });
  await stopCleanly(upstream);
  const ours = spreadOf(measured.ours);
  const floor = spreadOf(measured.floor);
  return {
    id: 'memory-answers',
    row: 'memory-answers',
    what: `memory above idle with ${plan.answerCount} answers of 4 MB hex at once, ${HEAP_MB} MB of heap`,
    floorIs: 'bodies parsed whole, heap unlimited',
    unit: 'MB',
    floor,
    ours,
    ratio: ratioOf(measured.floor, measured.ours),
    cpuMicros: null,
    aim: `≥ ${1 / AIM}`,
    reached: ours.median <= floor.median * AIM,
  };
}

/** Peak above idle in MB. All answers come together, after the last call has, and every song must be whole. */
async function oneRound(upstream: TestProcess, count: number, program: readonly string[]): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'sgm-'));
  try {
    const before = await callsAnswered(upstream);
    const { command, args } = tiedToUs(process.execPath, [...program, upstream.url, folder, String(count)]);
    const [{ stdout }] = await Promise.all([
      run(command, args, { maxBuffer: 1_048_576 }),
      releaseAnswers(upstream, before + count),
    ]);
    const { songs, megabytes } = JSON.parse(stdout) as { songs: string[]; megabytes: number };
    const wrong = songs.find((sha256) => !/^[0-9a-f]{64}$/.test(sha256) || sha256 !== songs[0]);
    if (songs.length !== count || wrong !== undefined) throw new Error(`songs went wrong: ${wrong ?? songs.length}`);
    return megabytes;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
