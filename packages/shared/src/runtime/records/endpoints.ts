import { OPERATOR_EVENTS } from '../../contract/event.ts';
import type { DISABLED_REASONS, WebhookEndpoint } from '../../contract/webhook.ts';
import { newToken } from '../ids.ts';
import type { Idempotency } from './accept.ts';
import { rfc3339 } from './present.ts';
import { loadScript, type RecordStore, words } from './store.ts';

const saveScript = loadScript('endpoint-save');
const eraseScript = loadScript('endpoint-erase');

/** Each event costs a delivery per endpoint, so a project has only so many. */
export const MOST_ENDPOINTS = 500;

export interface EndpointFields {
  readonly url: string;
  readonly events: readonly string[];
  readonly description: string;
  readonly enabled: boolean;
}

interface SaveInput extends EndpointFields {
  readonly id: string;
  readonly project: string;
  /** For a new one; null changes one that exists. */
  readonly secret: string | null;
  readonly idempotency?: Idempotency | null;
  readonly aheadMs?: number;
}

type SaveAnswer =
  | { readonly outcome: 'saved' | 'key_reused' | 'too_many' | 'missing' }
  | { readonly outcome: 'replayed'; readonly id: string };

/** Makes or changes an endpoint; the same id with the same fields twice is once. */
export async function saveEndpoint(store: RecordStore, input: SaveInput): Promise<SaveAnswer> {
  const { idempotency, events } = input;
  const operators = events.filter((type) => (OPERATOR_EVENTS as readonly string[]).includes(type));
  const [outcome, id = ''] = words(
    await saveScript.run(store, [
      ...[input.id, input.project, idempotency?.key ?? '', idempotency?.fingerprint ?? '', input.url],
      ...[JSON.stringify(events), JSON.stringify(operators), input.description, input.enabled ? 1 : 0],
      ...[input.secret ?? '', MOST_ENDPOINTS, input.aheadMs ?? 0],
    ]),
  );
  if (outcome === 'replayed') return { outcome, id };
  return { outcome: outcome as Exclude<SaveAnswer['outcome'], 'replayed'> };
}

/** True when it was there. */
export async function eraseEndpoint(
  store: RecordStore,
  { id, project, operation = newToken() }: { id: string; project: string; operation?: string },
): Promise<boolean> {
  return words(await eraseScript.run(store, [id, project, operation]))[0] === 'erased';
}

/** The endpoint with this id as answers show it, without its secret; or null. */
export async function readEndpoint(store: RecordStore, id: string): Promise<WebhookEndpoint | null> {
  return presentEndpoint(id, await store.redis.hgetall(`${store.keys.root}ep:${id}`));
}

/**
 * Newest first.
 * @param page.project null = over all projects
 * @param page.after ordinal of the last one of the page before
 */
export async function listEndpoints(
  store: RecordStore,
  page: { readonly project: string | null; readonly limit: number; readonly after: number | null },
): Promise<{ endpoints: WebhookEndpoint[]; next: number | null }> {
  const { redis, keys } = store;
  const projects = page.project === null ? await redis.smembers(keys.projects) : [page.project];
  const max = page.after === null ? '+inf' : `(${page.after}`;
  const found = await Promise.all(
    projects.map((project) =>
      redis.zrevrangebyscore(`${keys.root}epl:${project}`, max, '-inf', 'WITHSCORES', 'LIMIT', 0, page.limit + 1),
    ),
  );
  const entries: { id: string; ordinal: number }[] = [];
  for (const flat of found) {
    for (let i = 0; i < flat.length; i += 2) entries.push({ id: flat[i]!, ordinal: Number(flat[i + 1]) });
  }
  const shown = entries.toSorted((a, b) => b.ordinal - a.ordinal).slice(0, page.limit);
  const endpoints = await Promise.all(shown.map(({ id }) => readEndpoint(store, id)));
  const next = entries.length > page.limit ? (shown.at(-1)?.ordinal ?? null) : null;
  return { endpoints: endpoints.filter((each) => each !== null), next };
}

/** The hash of an endpoint as answers and events show it; null for the rest of one that was deleted. */
export function presentEndpoint(id: string, hash: Readonly<Record<string, string>>): WebhookEndpoint | null {
  if (hash['project'] === undefined) return null;
  const time = (field: string) => (hash[field] ? rfc3339(Number(hash[field])) : null);
  return {
    id,
    object: 'webhook_endpoint',
    project: hash['project'],
    url: hash['url'] ?? '',
    events: JSON.parse(hash['events'] ?? '[]') as string[],
    description: hash['description'] ?? '',
    enabled: hash['enabled'] === '1',
    disabled_reason: (hash['disabled_reason'] as (typeof DISABLED_REASONS)[number] | undefined) ?? null,
    disabled_at: time('disabled_at'),
    failing_since: time('failing_since'),
    created_at: time('created_at') ?? '',
  };
}
