import { cp } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { checkRun } from './checker/check-run.ts';
import { type ChaosOptions, openChaosSystem, type OwnChaosSystem } from './cluster.ts';
import { quiesce } from './quiesce.ts';
import { recoveryTimes } from './recovery.ts';
import { viewRedis } from './redis-view.ts';
import { startSampling } from './samples.ts';
import { type Injected, LEAST_EFFECTIVE, runSchedule } from './schedule.ts';
import type { Fault, Log, RunLeft, Verdict } from './types.ts';
import { startWorkload } from './workload.ts';

export interface MixedRunOptions {
  readonly seed: number;
  readonly jobs: number;
  readonly faults: number;
  readonly kinds: readonly Fault[];
  readonly log: Log;
  readonly system?: ChaosOptions;
}

/** One run with faults of every kind, and what the checker says of it. */
export interface MixedRun {
  readonly seed: number;
  readonly jobs: number;
  readonly injected: readonly Injected[];
  readonly verdict: Verdict | null;
  /** Why the run does not pass, as sentences; empty when it does. */
  readonly failures: readonly string[];
  /** Songs that were billed more than once. */
  readonly billedAgain: number;
  readonly recoveryMs: readonly number[];
  readonly tookMs: { readonly start: number; readonly load: number; readonly rest: number; readonly check: number };
  /** Where everything of a run that failed is kept; null when it passed. */
  readonly kept: string | null;
}

export async function runMixed(options: MixedRunOptions): Promise<MixedRun> {
  const { seed, jobs, log } = options;
  const began = performance.now();
  const system = await openChaosSystem({ apis: 2, workers: 4, ...options.system });
  const view = viewRedis(system);
  const sampling = startSampling(system);
  const failures: string[] = [];
  let injected: readonly Injected[] = [];
  let verdict: Verdict | null = null;
  let recoveryMs: readonly number[] = [];
  let effective = 0;
  let billedAgain = 0;
  const workload = startWorkload(system, view, { seed, jobs, progress: () => effective / options.faults });
  const started = performance.now();
  let loaded = started;
  let rested = started;
  try {
    injected = await Promise.race([
      runSchedule(system, {
        seed,
        faults: options.faults,
        kinds: options.kinds,
        mayBegin: () => workload.posted() >= (jobs * effective) / options.faults,
        onInjected(each) {
          if (each.effective) effective += 1;
          log(faultLine(each, effective, options.faults, workload.posted()));
        },
      }),
      // Only its failure can come first: it does not finish before it is told to wrap up.
      workload.finished.then(() => []),
    ]);
    workload.wrapUp();
    await workload.finished;
    loaded = performance.now();
    log(`${workload.posted()} songs posted; waiting for rest`);
    await quiesce(system, view);
    rested = performance.now();
    recoveryMs = recoveryTimes(injected, await view.records());
    await stopProcesses(system, failures);
    billedAgain = Object.values((await system.sim.ledger()).by_lyrics).filter(({ charges }) => charges > 1).length;
    verdict = await checkRun(leftBy(system));
  } catch (error) {
    failures.push(error instanceof Error ? (error.stack ?? error.message) : String(error));
  } finally {
    workload.stop();
    await sampling.stop();
    view.close();
  }
  failures.push(...judge(system, injected, options.faults, verdict, workload.complaints));
  const kept = failures.length > 0 ? await keep(system) : null;
  await system.stop({ keepData: kept !== null });
  return {
    seed,
    jobs: workload.posted(),
    injected,
    verdict,
    failures,
    billedAgain,
    recoveryMs,
    tookMs: {
      start: started - began,
      load: loaded - started,
      rest: rested - loaded,
      check: performance.now() - rested,
    },
    kept,
  };
}

/** What a system leaves for the checker. */
export function leftBy(
  system: OwnChaosSystem,
  mayLose?: { readonly count: number; readonly because: string },
): RunLeft {
  const number = (name: string, otherwise: number) => Number(system.settings[name] ?? otherwise);
  return {
    data: system.data,
    redisUrl: system.redis.url,
    prefix: system.settings['REDIS_PREFIX']!,
    limits: {
      maxUnknownCharges: number('MAX_UNKNOWN_CHARGES', 2),
      maxAttempts: number('MAX_ATTEMPTS', 5),
      mayLose: mayLose?.count ?? 0,
      ...(mayLose === undefined ? {} : { mayLoseBecause: mayLose.because }),
    },
  };
}

/** Everything at rest is told to stop, and has to: the checker reads a Redis and folders that hold still. */
async function stopProcesses(system: OwnChaosSystem, failures: string[]): Promise<void> {
  for (const each of [...system.apis, ...system.workers]) {
    const exit = await each.stop();
    if (exit.code !== 0) failures.push(`${each.name}, idle and told to stop, ended with ${exit.signal ?? exit.code}`);
  }
}

function judge(
  system: OwnChaosSystem,
  injected: readonly Injected[],
  wanted: number,
  verdict: Verdict | null,
  complaints: readonly string[],
): string[] {
  const failures: string[] = [...complaints];
  const effective = injected.filter((each) => each.effective).length;
  if (effective < wanted) failures.push(`only ${effective} of ${wanted} faults had an effect`);
  if (effective < injected.length * LEAST_EFFECTIVE) {
    failures.push(`only ${effective} of ${injected.length} injected faults had an effect`);
  }
  for (const { row, title, seen } of injected) if (seen.startsWith('BROKE')) failures.push(`${row} ${title}: ${seen}`);
  for (const end of system.unaskedEnds()) failures.push(`${end.name} ended by itself with ${end.code} at ${end.at}`);
  for (const { invariant, job, id, message } of verdict?.violations ?? []) {
    failures.push(`${invariant}: job ${job ?? '?'} ${id ?? ''}: ${message}`);
  }
  return failures;
}

/** Redis' own files beside the rest, before it goes. */
async function keep(system: OwnChaosSystem): Promise<string> {
  await cp(join(dirname(system.redis.socket), 'appendonlydir'), join(system.data, 'redis'), { recursive: true });
  return system.data;
}

function faultLine(fault: Injected, effective: number, wanted: number, posted: number): string {
  const count = `${String(effective).padStart(String(wanted).length)}/${wanted}`;
  const time = `${(fault.took_ms / 1000).toFixed(1)} s`;
  return `${count} ${fault.effective ? ' ' : '-'} ${fault.row.padEnd(3)} ${time.padStart(6)} ${posted} songs  ${fault.seen}`;
}
