import { requires } from '@songmill/shared/testing/requires';
import { FAULTS } from './faults/index.ts';
import type { Fault, Log } from './types.ts';

/** The faults that this machine can make; the others are named. */
export function possibleKinds(log: Log): Fault[] {
  return FAULTS.filter(({ row, title, needs = [] }) => {
    const { missing } = requires(...needs).meta;
    if (missing !== undefined) log(`skipped: ${row} ${title}: ${missing}`);
    return missing === undefined;
  });
}
