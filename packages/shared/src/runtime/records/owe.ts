import type { EventType } from '../../contract/event.ts';
import { loadScript, type RecordStore, words } from './store.ts';

const script = loadScript('owe');

export interface OwedEvent {
  readonly type: EventType;
  readonly subject: string;
  /** What makes it this event and no other: the same name again is the same event. */
  readonly name: string;
  readonly data: Readonly<Record<string, string>>;
  /** null = told to operators. */
  readonly project: string | null;
  /** The one that is told whatever it asked for; null = all that asked for the type. */
  readonly endpoint: string | null;
  readonly aheadMs?: number;
}

/** An event that no state change makes. Answers the id of the last delivery it led to, or null. */
export async function oweEvent(store: RecordStore, event: OwedEvent): Promise<string | null> {
  const [id] = words(
    await script.run(store, [
      ...[event.type, event.subject, event.name, JSON.stringify(Object.entries(event.data).flat())],
      ...[event.project ?? '', event.endpoint ?? '', event.aheadMs ?? 0],
    ]),
  );
  return id || null;
}
