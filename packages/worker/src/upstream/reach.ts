import type { OutcomeKind } from '@songmill/shared/contract/outcomes';

/** Whether this process reaches the upstream at all: the step of the wait while it does not. */
export interface Reach {
  note(kind: OutcomeKind): void;
  failuresInARow(): number;
}

export function watchReach(): Reach {
  let failures = 0;
  return {
    note(kind) {
      failures = kind === 'not_sent' ? failures + 1 : 0;
    },
    failuresInARow: () => failures,
  };
}
