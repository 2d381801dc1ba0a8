import { readFileSync } from 'node:fs';

/** What one round gave. */
export interface Round {
  readonly perSecond: number;
  /** Processor time of server and Redis for one request or song, in µs; null where the system does not tell. */
  readonly cpuMicros: number | null;
}

/** `CLK_TCK` of every Linux that Node runs on. */
const TICK_MICROS = 10_000;

/**
 * Processor time that these processes have used so far, in µs, children not included (proc_pid_stat(5));
 * null without /proc. Other work on the machine changes this less than a rate, but on a virtual machine
 * time that the host took away counts here too.
 */
export function cpuTimeOf(pids: readonly number[]): number | null {
  let ticks = 0;
  for (const pid of pids) {
    try {
      const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
      // Fields after the name, which may hold anything: 14 and 15 of the line are user and system time.
      const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
      ticks += Number(fields[11]) + Number(fields[12]);
    } catch {
      return null;
    }
  }
  return ticks * TICK_MICROS;
}

/** Time between two readings, shared by `count`. */
export function cpuEach(before: number | null, after: number | null, count: number): number | null {
  return before === null || after === null ? null : Math.max(after - before, TICK_MICROS) / count;
}
