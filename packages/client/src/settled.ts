import type { SettledStatus } from '@songmill/shared/contract/words';

const SETTLED = {
  succeeded: true,
  failed: true,
  canceled: true,
  needs_review: true,
} as const satisfies Record<SettledStatus, true>;

/** True for a status that ends waits. A status this version does not know is not settled. */
export function isSettled(status: string): status is SettledStatus {
  return Object.hasOwn(SETTLED, status);
}
