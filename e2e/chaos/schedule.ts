import { setTimeout as delay } from 'node:timers/promises';
import { noteFault } from './history.ts';
import { mendAll } from './quiesce.ts';
import type { OwnChaosSystem } from './cluster.ts';
import { pickByWeight, randomOf } from './random.ts';
import type { ChaosSystem, Effect, Fault, FaultLine } from './types.ts';

/** One fault that was injected, and what came of it. */
export interface Injected extends FaultLine, Effect {
  readonly title: string;
  readonly took_ms: number;
}

export interface ScheduleOptions {
  readonly seed: number;
  /** How many must have an effect. */
  readonly faults: number;
  readonly kinds: readonly Fault[];
  /** True when the fault with this number may begin; faults wait for load. */
  readonly mayBegin: (begun: number) => boolean;
  readonly onInjected: (injected: Injected) => void;
}

/** A run is only worth something when most of what it tried had an effect. */
export const LEAST_EFFECTIVE = 0.8;
const LONGEST_FAULT_MS = 60_000;
const LONGEST_PAUSE_MS = 250;

/**
 * The faults of a seed, endless: first each kind once, shuffled, then by weight. The same seed gives the same kinds,
 * pauses and choices in the same order.
 */
export function* sequenceOf(seed: number, kinds: readonly Fault[]): Generator<{ fault: Fault; number: number }> {
  const random = randomOf(seed, 'faults');
  const first = kinds.map((fault) => ({ fault, at: random() })).toSorted((a, b) => a.at - b.at);
  let number = 0;
  for (const { fault } of first) yield { fault, number: ++number };
  for (;;) yield { fault: pickByWeight(kinds, random), number: ++number };
}

/**
 * Injects faults until enough had an effect. Those that touch processes only run two at a time, on disjoint halves of
 * the system; each of the others runs alone.
 * Gives up when hardly any has an effect; the share is for the caller to judge.
 */
export async function runSchedule(system: OwnChaosSystem, options: ScheduleOptions): Promise<Injected[]> {
  const done: Injected[] = [];
  const halves = new Set([0, 1]);
  const running = new Map<number, Promise<void>>();
  let begun = 0;
  const effective = () => done.filter((each) => each.effective).length;
  const enough = () => effective() + running.size >= options.faults;
  const hopeless = () => done.length >= 20 && effective() < done.length * (LEAST_EFFECTIVE / 2);

  for (const { fault, number } of sequenceOf(options.seed, options.kinds)) {
    while (enough() && running.size > 0) await Promise.race(running.values());
    if (effective() >= options.faults || hopeless()) break;
    while (!options.mayBegin(begun)) await delay(50);
    begun += 1;
    const random = randomOf(options.seed, 'fault', number);
    await delay(random() * LONGEST_PAUSE_MS);
    if (fault.scope !== 'process') {
      await Promise.all(running.values());
      await inject(fault, number, system);
      continue;
    }
    while (running.size >= halves.size) await Promise.race(running.values());
    const half = [...halves].find((each) => !running.has(each))!;
    running.set(
      half,
      inject(fault, number, halfOf(system, half)).finally(() => running.delete(half)),
    );
  }
  await Promise.all(running.values());
  return done;

  async function inject(fault: Fault, number: number, part: ChaosSystem): Promise<void> {
    const began = new Date();
    const random = randomOf(options.seed, 'choices', number);
    const effect = await withinLimit(fault, part, random);
    const ended = new Date();
    const injected = {
      row: fault.row,
      title: fault.title,
      began_at: began.toISOString(),
      ended_at: ended.toISOString(),
      took_ms: ended.getTime() - began.getTime(),
      ...effect,
    };
    noteFault(system, injected);
    done.push(injected);
    options.onInjected(injected);
    await mendAll(part);
  }
}

/** A fault that breaks itself, or does not end, had no effect that counts. */
async function withinLimit(fault: Fault, system: ChaosSystem, random: () => number): Promise<Effect> {
  const limit = new AbortController();
  const tooLong = delay(LONGEST_FAULT_MS, null, { signal: limit.signal }).catch(() => null);
  try {
    const effect = await Promise.race([fault.inject(system, random), tooLong]);
    return effect ?? { effective: false, seen: `BROKE: did not end within ${LONGEST_FAULT_MS} ms` };
  } catch (error) {
    return { effective: false, seen: `BROKE: ${error instanceof Error ? error.message : String(error)}` };
  } finally {
    limit.abort();
  }
}

/** Every other process. What a fault adds or restarts beyond them is the whole system's. */
function halfOf(system: OwnChaosSystem, half: number): ChaosSystem {
  const every = <T>(all: readonly T[]) => all.filter((_, at) => all.length < 2 || at % 2 === half);
  return { ...system, apis: every(system.apis), workers: every(system.workers) };
}
