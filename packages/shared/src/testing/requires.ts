import type { TaskMeta } from 'vitest';
import { findProgram } from './programs.ts';

declare module 'vitest' {
  interface TaskMeta {
    /** Why the test was skipped. */
    missing?: string;
  }
}

/** What `requires` gives to `describe` or `it`; the closing summary prints `meta.missing` as the reason of a skip. */
export interface Requirement {
  readonly skip: boolean;
  readonly meta: Pick<TaskMeta, 'missing'>;
}

/**
 * Declares what a test or a group of tests needs: `describe('a title', requires('redis-server'), () => …)`.
 * When it is missing the tests are skipped and the closing summary of `npm test` names them with the
 * reason; with SONGMILL_REQUIRE_ALL=1 every skip counts as a failure.
 *
 * @param needs programs on PATH, alternatives with a bar (`redis-server|valkey-server`), or `root` for
 *   the right of the superuser
 */
export function requires(...needs: readonly string[]): Requirement {
  const missing = needs.flatMap((need) => reasonAgainst(need) ?? []);
  return missing.length === 0 ? { skip: false, meta: {} } : { skip: true, meta: { missing: missing.join(', ') } };
}

function reasonAgainst(need: string): string | undefined {
  if (need === 'root') return process.getuid?.() === 0 ? undefined : 'needs the superuser';
  const names = need.split('|');
  return findProgram(...names) === undefined ? `needs ${names.join(' or ')} on PATH` : undefined;
}
