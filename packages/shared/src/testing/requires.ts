import type {} from 'vitest';
import { findProgram } from './programs.ts';

declare module 'vitest' {
  interface TaskMeta {
    /** Why the test was skipped. */
    missing?: string;
  }
}

/** What a test may need beside Node: a program on PATH, or the right of the superuser. */
export type Need = 'root' | `${string}`;

/** What `requires` gives to `describe` or `it`; the closing summary prints `meta.missing` as the reason of a skip. */
export interface Requirement {
  readonly skip: boolean;
  readonly meta: { readonly missing?: string };
}

/**
 * Declares what a test or a group of tests needs: `describe('a title', requires('redis-server'), () => …)`.
 * When it is missing the tests are skipped and the closing summary of `npm test` names them with the
 * reason; with SONGMILL_REQUIRE_ALL=1 every skip counts as a failure. Alternatives are written with
 * a bar: `requires('redis-server|valkey-server')`.
 */
export function requires(...needs: readonly Need[]): Requirement {
  const missing = needs.flatMap((need) => reasonAgainst(need) ?? []);
  return missing.length === 0 ? { skip: false, meta: {} } : { skip: true, meta: { missing: missing.join(', ') } };
}

function reasonAgainst(need: Need): string | undefined {
  if (need === 'root') return process.getuid?.() === 0 ? undefined : 'needs the superuser';
  const names = need.split('|');
  return findProgram(...names) === undefined ? `needs ${names.join(' or ')} on PATH` : undefined;
}
