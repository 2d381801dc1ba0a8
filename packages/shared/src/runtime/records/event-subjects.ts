import type { Event } from '../../contract/event.ts';
import { type Presentation, presentEvent } from './event-body.ts';
import { type LogEntry, positionMs } from './event-log.ts';
import type { Keys } from './keys.ts';
import { unpackedHash } from './packed.ts';
import { hashAt, type PastEvent, pastEvents } from './past.ts';
import type { RecordStore } from './store.ts';

/** A generation, batch, reference or webhook endpoint that events are about, read once for everybody who is told. */
export interface EventSubject {
  readonly id: string;
  readonly project: string;
  /** Oldest first; only generations keep one. */
  readonly history: readonly PastEvent[];
  /** One event of a generation's own history, with the record as it was then. */
  body(event: PastEvent): Event;
  /** An event of the shared stream; null when its generation's history has it no more. */
  bodyOf(entry: LogEntry): Event | null;
}

/** Reads the records that events are about, in one round trip; those that are gone are left out. */
export async function readSubjects(
  { redis, keys }: RecordStore,
  ids: readonly string[],
  presentation: Presentation,
): Promise<Map<string, EventSubject>> {
  const subjects = new Map<string, EventSubject>();
  if (ids.length === 0) return subjects;
  const pipeline = redis.pipeline();
  for (const id of ids) pipeline.hgetall(keyOf(keys, id));
  const replies = (await pipeline.exec()) ?? [];
  for (const [index, [error, reply]] of replies.entries()) {
    if (error) throw error;
    const subject = subjectOf(ids[index]!, reply as Record<string, string>, presentation);
    if (subject !== null) subjects.set(subject.id, subject);
  }
  return subjects;
}

function keyOf(keys: Keys, id: string): string {
  if (id.startsWith('ref_')) return keys.reference(id);
  if (id.startsWith('bat_')) return keys.batch(id);
  return id.startsWith('whe_') ? `${keys.root}ep:${id}` : keys.generation(id);
}

/** An event that is about no record says all there is in the stream itself. */
export function bareEvent(entry: LogEntry): Event {
  const { project: _project, ...fields } = entry.fields;
  const event = { type: entry.type, atMs: positionMs(entry.position), subject: '' };
  return presentEvent(event, fields, { publicUrl: null, resultTtlDays: 0 });
}

function subjectOf(id: string, stored: Record<string, string>, presentation: Presentation): EventSubject | null {
  const hash = unpackedHash(id, stored);
  const { project } = hash;
  if (project === undefined) return null;
  const history = pastEvents(hash);
  const bodies = new Map<number, Event>();
  function body(event: PastEvent): Event {
    const known = bodies.get(event.sequence);
    if (known) return known;
    const about = { type: `generation.${event.status}`, atMs: event.atMs, subject: id };
    const made = presentEvent(about, hashAt(hash, event), presentation);
    bodies.set(event.sequence, made);
    return made;
  }
  function bodyOf(entry: LogEntry): Event | null {
    if (!id.startsWith('gen_')) {
      return presentEvent({ type: entry.type, atMs: positionMs(entry.position), subject: id }, hash, presentation);
    }
    const event = history.find(({ sequence }) => sequence === entry.sequence);
    return event === undefined ? null : body(event);
  }
  return { id, project, history, body, bodyOf };
}
