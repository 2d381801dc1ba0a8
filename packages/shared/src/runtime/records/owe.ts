import type { EventType } from '../../contract/event.ts';
import type { Idempotency } from './accept.ts';
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
  readonly idempotency?: Idempotency | null;
  readonly aheadMs?: number;
}

type OweAnswer =
  /** The last delivery it led to; null = nobody asked for it. */
  | { readonly outcome: 'owed' | 'replayed'; readonly delivery: string | null }
  /** Of the one endpoint, or of the key. */
  | { readonly outcome: 'key_reused' | 'disabled' | 'missing' };

/** An event that no state change makes. */
export async function oweEvent(store: RecordStore, event: OwedEvent): Promise<OweAnswer> {
  const { idempotency } = event;
  const [outcome, delivery] = words(
    await script.run(store, [
      ...[event.type, event.subject, event.name, JSON.stringify(Object.entries(event.data).flat())],
      ...[event.project ?? '', event.endpoint ?? '', idempotency?.key ?? '', idempotency?.fingerprint ?? ''],
      event.aheadMs ?? 0,
    ]),
  );
  if (outcome === 'owed' || outcome === 'replayed') return { outcome, delivery: delivery || null };
  return { outcome: outcome as 'key_reused' | 'disabled' | 'missing' };
}
