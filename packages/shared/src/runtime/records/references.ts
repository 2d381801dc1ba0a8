import type { Reference } from '../../contract/reference.ts';
import type { Priority } from '../../contract/words.ts';
import { newToken } from '../ids.ts';
import type { Pointer } from '../queues.ts';
import type { Idempotency } from './accept.ts';
import { rfc3339 } from './present.ts';
import { loadScript, type RecordStore, words } from './store.ts';

const acceptScript = loadScript('accept-reference');
const reopenScript = loadScript('reopen-reference');
const eraseScript = loadScript('erase-reference');
const resolveScript = loadScript('resolve-waiters');

/** A file that was judged and that storage holds under `key`. */
export interface NewReference {
  readonly id: string;
  readonly project: string;
  readonly purpose: Reference['purpose'];
  readonly filename: string;
  /** `<id>/<token>.<mp3|wav>` */
  readonly key: string;
  readonly bytes: number;
  readonly durationMs: number;
  readonly sha256: string;
  readonly idempotency: Idempotency | null;
}

export type AcceptReferenceAnswer =
  | { readonly outcome: 'accepted'; readonly pointer: Pointer }
  | { readonly outcome: 'replayed'; readonly id: string }
  | { readonly outcome: 'key_reused' };

/** The pointer of one upload; all of them are of one class, first come, first served. */
export function uploadPointer(id: string, run: number): Pointer {
  return { id, run, priority: 'normal' };
}

/** Records a reference; the same id twice is once. Add the pointer after answering: repairs add it otherwise. */
export async function acceptReference(store: RecordStore, given: NewReference): Promise<AcceptReferenceAnswer> {
  const { id, idempotency } = given;
  const [outcome, detail = ''] = words(
    await acceptScript.run(store, [
      ...[idempotency?.key ?? '', idempotency?.fingerprint ?? '', given.project, id, given.purpose, given.filename],
      ...[given.key, given.bytes, given.durationMs, given.sha256],
    ]),
  );
  if (outcome === 'accepted') return { outcome, pointer: uploadPointer(id, 1) };
  if (outcome === 'replayed') return { outcome, id: detail };
  if (outcome === 'key_reused') return { outcome };
  throw new TypeError(`accept-reference answered ${outcome}`);
}

export type ReopenReferenceAnswer =
  | { readonly outcome: 'reopened'; readonly pointer: Pointer }
  | { readonly outcome: 'conflict'; readonly status: string }
  | { readonly outcome: 'replayed' | 'key_reused' | 'missing' };

/** A settled reference is uploaded again and gets new ids. */
export async function reopenReference(
  store: RecordStore,
  input: { id: string; idempotency: Idempotency | null; operation?: string },
): Promise<ReopenReferenceAnswer> {
  const { id, idempotency, operation = newToken() } = input;
  const [outcome, detail = ''] = words(
    await reopenScript.run(store, [id, operation, idempotency?.key ?? '', idempotency?.fingerprint ?? '']),
  );
  if (outcome === 'reopened') return { outcome, pointer: uploadPointer(id, Number(detail)) };
  if (outcome === 'conflict') return { outcome, status: detail };
  if (outcome === 'replayed' || outcome === 'key_reused' || outcome === 'missing') return { outcome };
  throw new TypeError(`reopen-reference answered ${outcome}`);
}

export type EraseReferenceAnswer = 'erased' | 'processing' | 'waited_for' | 'missing';

/** Forgets a reference that nobody uploads or waits for; the caller then removes its file, or the sweep does. */
export async function eraseReference(
  store: RecordStore,
  id: string,
  operation = newToken(),
): Promise<EraseReferenceAnswer> {
  const [outcome] = words(await eraseScript.run(store, [id, operation]));
  return outcome as EraseReferenceAnswer;
}

/**
 * Tells one page of the generations that wait for a settled reference: they come into line, or fail with it.
 * @returns how many are still to be told, and the pointers to add now
 */
export async function resolveWaiters(
  store: RecordStore,
  id: string,
  most: number,
): Promise<{ left: number; pointers: Pointer[] }> {
  const reply = words(await resolveScript.run(store, [id, most]));
  const pointers: Pointer[] = [];
  for (let i = 1; i < reply.length; i += 3) {
    pointers.push({ id: reply[i]!, run: Number(reply[i + 1]), priority: reply[i + 2] as Priority });
  }
  return { left: Number(reply[0]), pointers };
}

/** The reference with this id as answers show it, or null. */
export async function readReference(store: RecordStore, id: string): Promise<Reference | null> {
  return presentReference(id, await store.redis.hgetall(store.keys.reference(id)));
}

/**
 * Newest first.
 * @param page.project null = over all projects
 * @param page.after ordinal of the last one of the page before
 */
export async function listReferences(
  store: RecordStore,
  page: { readonly project: string | null; readonly limit: number; readonly after: number | null },
): Promise<{ references: Reference[]; next: number | null }> {
  const { redis, keys } = store;
  const projects = page.project === null ? await redis.smembers(keys.projects) : [page.project];
  const max = page.after === null ? '+inf' : `(${page.after}`;
  const found = await Promise.all(
    projects.map((project) =>
      redis.zrevrangebyscore(keys.references(project), max, '-inf', 'WITHSCORES', 'LIMIT', 0, page.limit + 1),
    ),
  );
  const entries: { id: string; ordinal: number }[] = [];
  for (const flat of found) {
    for (let i = 0; i < flat.length; i += 2) entries.push({ id: flat[i]!, ordinal: Number(flat[i + 1]) });
  }
  const shown = entries.sort((a, b) => b.ordinal - a.ordinal).slice(0, page.limit);
  const references = await Promise.all(shown.map(({ id }) => readReference(store, id)));
  const next = entries.length > page.limit ? (shown.at(-1)?.ordinal ?? null) : null;
  // One that was deleted between the two reads is an empty hash.
  return { references: references.filter((each) => each !== null), next };
}

/** The hash of a reference as answers and events show it; null for an empty one. */
export function presentReference(id: string, hash: Readonly<Record<string, string>>): Reference | null {
  if (hash['project'] === undefined) return null;
  const error = hash['error'] ? (JSON.parse(hash['error']) as Partial<NonNullable<Reference['error']>>) : null;
  return {
    id,
    object: 'reference',
    project: hash['project'],
    status: hash['status'] as Reference['status'],
    purpose: hash['purpose'] as Reference['purpose'],
    filename: hash['filename'] ?? '',
    voice_id: hash['voice_id'] ?? null,
    instrumental_id: hash['instrumental_id'] ?? null,
    bytes: Number(hash['bytes']),
    duration_ms: Number(hash['duration_ms']),
    sha256: hash['sha256'] ?? '',
    error: error
      ? {
          code: error.code ?? 'upstream_unavailable',
          message: error.message ?? '',
          retryable: error.retryable ?? false,
          upstream: error.upstream ?? null,
        }
      : null,
    created_at: rfc3339(Number(hash['created_at'])),
    finished_at: hash['finished_at'] ? rfc3339(Number(hash['finished_at'])) : null,
  };
}
