import {
  DELIVERY_STATUSES,
  type DeliveryError,
  type DeliveryStatus,
  type WebhookDelivery,
} from '../../contract/webhook.ts';
import { rfc3339 } from './present.ts';
import type { RecordStore } from './store.ts';

/** At most this many are looked at for one page; the cursor goes on from there. */
const MOST_LOOKED_AT = 1000;
const AT_ONCE = 100;

/** The delivery with this id as answers show it, or null. */
export async function readDelivery(store: RecordStore, id: string): Promise<WebhookDelivery | null> {
  return parseDelivery(id, await store.redis.hgetall(`${store.keys.root}d:${id}`));
}

export interface DeliveryQuery {
  /** null = over all projects. */
  readonly project: string | null;
  readonly statuses: readonly DeliveryStatus[] | null;
  readonly endpointId: string | null;
  /** Id of a generation or a batch. */
  readonly subject: string | null;
  readonly eventId: string | null;
  readonly limit: number;
  /** Ordinal of the last one seen. */
  readonly after: number | null;
}

/** Newest first. Walks the narrowest index there is and filters what is walked by the rest. */
export async function listDeliveries(
  store: RecordStore,
  query: DeliveryQuery,
): Promise<{ deliveries: WebhookDelivery[]; next: number | null }> {
  const indexes = await indexesOf(store, query);
  const deliveries: WebhookDelivery[] = [];
  let before = query.after;
  for (let lookedAt = 0; lookedAt < MOST_LOOKED_AT; ) {
    const entries = await walk(store, indexes, before);
    const found = await Promise.all(entries.map(({ id }) => readDelivery(store, id)));
    for (const [index, delivery] of found.entries()) {
      if (delivery !== null && matches(delivery, query)) {
        if (deliveries.length === query.limit) return { deliveries, next: before };
        deliveries.push(delivery);
      }
      before = entries[index]!.ordinal;
    }
    lookedAt += entries.length;
    if (entries.length < AT_ONCE) return { deliveries, next: null };
  }
  return { deliveries, next: before };
}

async function indexesOf({ redis, keys }: RecordStore, query: DeliveryQuery): Promise<string[]> {
  const { root } = keys;
  if (query.subject !== null) return [`${root}dg:${query.subject}`];
  if (query.eventId !== null) {
    const subject = await redis.hget(`${root}e:${query.eventId}`, 'subject');
    return subject === null ? [] : [`${root}dg:${subject}`];
  }
  const statuses = query.statuses ?? DELIVERY_STATUSES;
  if (query.endpointId !== null) return statuses.map((status) => `${root}de:${query.endpointId}:${status}`);
  const projects = query.project === null ? await redis.smembers(keys.projects) : [query.project];
  return projects.flatMap((project) => statuses.map((status) => `${root}dl:${project}:${status}`));
}

async function walk({ redis }: RecordStore, indexes: readonly string[], before: number | null) {
  const max = before === null ? '+inf' : `(${before}`;
  const found = await Promise.all(
    indexes.map((index) => redis.zrevrangebyscore(index, max, '-inf', 'WITHSCORES', 'LIMIT', 0, AT_ONCE)),
  );
  const entries = new Map<string, number>();
  for (const flat of found) for (let i = 0; i < flat.length; i += 2) entries.set(flat[i]!, Number(flat[i + 1]));
  return [...entries]
    .map(([id, ordinal]) => ({ id, ordinal }))
    .toSorted((a, b) => b.ordinal - a.ordinal)
    .slice(0, AT_ONCE);
}

function matches(delivery: WebhookDelivery, query: DeliveryQuery): boolean {
  return (
    (query.project === null || delivery.project === query.project) &&
    (query.statuses === null || query.statuses.includes(delivery.status)) &&
    (query.endpointId === null || delivery.endpoint_id === query.endpointId) &&
    (query.eventId === null || delivery.event_id === query.eventId)
  );
}

function parseDelivery(id: string, hash: Record<string, string>): WebhookDelivery | null {
  const subject = hash['subject'];
  if (subject === undefined) return null;
  const status = hash['status'] as DeliveryStatus;
  return {
    id,
    object: 'webhook_delivery',
    project: hash['project']!,
    event_id: hash['event']!,
    type: hash['type']!,
    url: hash['url']!,
    endpoint_id: hash['endpoint'] || null,
    generation_id: subject.startsWith('gen_') ? subject : null,
    batch_id: subject.startsWith('bat_') ? subject : null,
    status,
    attempts: attemptsOf(hash),
    next_attempt_at: status === 'pending' && hash['due'] ? rfc3339(Number(hash['due'])) : null,
    // Ordinals are microseconds.
    created_at: rfc3339(Math.floor(Number(hash['ordinal']) / 1000)),
    last_answer: hash['answer'] || null,
  };
}

/** As `deliver-end` writes them: when, how long, status, error. */
function attemptsOf(hash: Record<string, string>): WebhookDelivery['attempts'] {
  return Object.keys(hash)
    .filter((field) => field.startsWith('a:'))
    .toSorted((a, b) => Number(a.slice(2)) - Number(b.slice(2)))
    .map((field) => {
      const [at, duration, code, error] = hash[field]!.split('|');
      return {
        at: rfc3339(Number(at)),
        status_code: code ? Number(code) : null,
        duration_ms: Number(duration),
        error: (error || null) as DeliveryError | null,
      };
    });
}
