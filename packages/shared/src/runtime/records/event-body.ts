import type { Event } from '../../contract/event.ts';
import { parseBatch, presentBatch } from './batch-record.ts';
import { presentEndpoint } from './endpoints.ts';
import { presentGeneration, rfc3339 } from './present.ts';
import { parseRecord } from './read.ts';
import { presentReference } from './references.ts';

/** How an event's subject is shown depends on these settings alone. */
export interface Presentation {
  readonly publicUrl: string | null;
  /** RESULT_TTL_DAYS */
  readonly resultTtlDays: number;
}

/** Where it stands in line is not part of what happened. */
const SOMEWHERE = { position: null, eta_seconds: null, blocked_by: null, blocked_until: null, reason: null };

/**
 * An event as webhooks and streams tell it: `data` is the record as it was then, in the shape of every
 * other answer. Pure: the same snapshot gives the same bytes.
 *
 * @param fields the subject's hash at the event
 */
export function presentEvent(
  event: { readonly type: string; readonly atMs: number; readonly subject: string },
  fields: Readonly<Record<string, string>>,
  presentation: Presentation,
): Event {
  return {
    type: event.type,
    timestamp: rfc3339(event.atMs),
    data: dataOf(event.type, event.subject, fields, presentation),
  };
}

/** The list of names and values that the scripts write, as a hash. */
export function fieldsOf(snapshot: string): Record<string, string> {
  const list = JSON.parse(snapshot) as string[];
  const fields: Record<string, string> = {};
  for (let i = 0; i + 1 < list.length; i += 2) fields[list[i]!] = list[i + 1]!;
  return fields;
}

function dataOf(
  type: string,
  subject: string,
  fields: Readonly<Record<string, string>>,
  presentation: Presentation,
): Event['data'] {
  const [family] = type.split('.');
  if (family === 'generation') {
    const record = parseRecord(subject, { ...fields });
    if (record === null) throw new TypeError(`the snapshot of ${subject} is no generation`);
    const waits = record.status === 'queued' || record.status === 'scheduled';
    return presentGeneration(record, { ...presentation, queue: waits ? SOMEWHERE : null });
  }
  if (family === 'batch') {
    const batch = parseBatch(subject, fields);
    return batch === null ? {} : presentBatch(batch, presentation.publicUrl);
  }
  if (family === 'reference') return presentReference(subject, fields) ?? {};
  if (family === 'endpoint') return presentEndpoint(subject, fields) ?? {};
  if (family === 'account') return holdOf(fields);
  const { queue: name, ...rest } = fields;
  return { object: family, ...(name === undefined ? {} : { name }), ...rest };
}

/** `scope` as the records name it: `account`, or `model:` and its name. */
function holdOf({ scope = '', code, reason }: Readonly<Record<string, string>>): Event['data'] {
  const model = scope.startsWith('model:') ? scope.slice('model:'.length) : null;
  return {
    object: 'hold',
    scope: model === null ? 'account' : 'model',
    model,
    code: code ?? null,
    reason: reason ?? null,
  };
}
