import type { Operation } from '../../types.ts';
import { allJsonLines } from './json-lines.ts';

/** What the clients saw, in the order in which they noted it, and who is who. */
export interface History {
  readonly operations: readonly Operation[];
  /** Ids that a 2xx gave to a client, with the job that it asked for. */
  readonly accepted: ReadonlyMap<string, number>;
  /** Job of every id that any answer named. */
  readonly jobOf: ReadonlyMap<string, number>;
  /** What was asked of one generation, by its id. */
  readonly byId: ReadonlyMap<string, readonly Operation[]>;
}

export async function readHistory(path: string): Promise<History> {
  const operations = await allJsonLines<Operation>(path);
  const accepted = new Map<string, number>();
  const jobOf = new Map<string, number>();
  const byId = new Map<string, Operation[]>();
  for (const each of operations) {
    if (each.id === null) continue;
    jobOf.set(each.id, each.job);
    byId.set(each.id, [...(byId.get(each.id) ?? []), each]);
    if (each.op === 'create' && each.outcome === 'ok') accepted.set(each.id, each.job);
  }
  return { operations, accepted, jobOf, byId };
}

/** The job that lyrics were made for; null when they name none. */
export function jobIn(lyrics: string): number | null {
  const match = /\bjob (\d+)\b/.exec(lyrics);
  return match === null ? null : Number(match[1]);
}
