import type { Event } from '@songmill/shared/contract/event';
import type { LogEntry } from '@songmill/shared/runtime/records/event-log';
import { bareEvent, type EventSubject, readSubjects } from '@songmill/shared/runtime/records/event-subjects';
import type { ApiContext } from '../context.ts';
import { presentation } from '../request/show-generation.ts';

/** An entry of the shared stream with what it is about; no event when that is gone. */
export interface ToldEntry {
  readonly entry: LogEntry;
  readonly event: Event | null;
}

/** Entries with their events, each record read once. */
export async function readTold(ctx: ApiContext, entries: readonly LogEntry[]): Promise<ToldEntry[]> {
  return toldOf(entries, await readSubjects(ctx.store, subjectsOf(entries), presentation(ctx)));
}

/** Ids of the records that entries are about, each once. */
export function subjectsOf(entries: readonly LogEntry[]): string[] {
  return [...new Set(entries.flatMap(({ subject }) => subject ?? []))];
}

export function toldOf(entries: readonly LogEntry[], found: ReadonlyMap<string, EventSubject>): ToldEntry[] {
  return entries.map((entry) => {
    const { subject } = entry;
    return { entry, event: subject === null ? bareEvent(entry) : (found.get(subject)?.bodyOf(entry) ?? null) };
  });
}
