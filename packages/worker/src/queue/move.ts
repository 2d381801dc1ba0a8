import type { Blocker } from '@songmill/shared/contract/words';

/** What becomes of a queue job after a pick-up. Closed: `settle.ts` is the only place that acts on it. */
export type Move =
  /** The record needs this pointer no more. */
  | { readonly kind: 'finish'; readonly spent: boolean }
  /** Not before `ms` from now; others go ahead. */
  | { readonly kind: 'delay'; readonly ms: number; readonly spent: boolean }
  /** Nothing starts for `ms`; this one keeps its place at the head. */
  | { readonly kind: 'brake'; readonly ms: number; readonly reason: Blocker; readonly spent: boolean };
// `spent`: an upstream call was made, so the start that the rate limit counted was used.
