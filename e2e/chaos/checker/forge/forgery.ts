import type { RunInTheMaking } from './honest-run.ts';

/** One way in which a run can be wrong, made on purpose. */
export interface Forgery {
  readonly name: string;
  /** Who has to object. */
  readonly invariant: string;
  forge(run: RunInTheMaking): Promise<unknown>;
}
