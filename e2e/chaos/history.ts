import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ChaosSystem, FaultLine, Operation, Sample } from './types.ts';

/** Notes each request's end as it happens; a line is whole or absent, whatever becomes of the suite. */
export function noteOperation(system: Pick<ChaosSystem, 'data'>, operation: Operation): void {
  note(system, 'history.jsonl', operation);
}

export function noteFault(
  system: Pick<ChaosSystem, 'data'>,
  fault: FaultLine & Readonly<Record<string, unknown>>,
): void {
  note(system, 'faults.jsonl', fault);
}

export function noteSample(system: Pick<ChaosSystem, 'data'>, sample: Sample): void {
  note(system, 'samples.jsonl', sample);
}

function note(system: Pick<ChaosSystem, 'data'>, file: string, line: object): void {
  appendFileSync(join(system.data, file), `${JSON.stringify(line)}\n`);
}
