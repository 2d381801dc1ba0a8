import { SCOPES, type Scope } from '../../contract/words.ts';
import { loadScript, type RecordStore, words } from './store.ts';

const create = loadScript('api-key-create');
const revoke = loadScript('api-key-revoke');
const touch = loadScript('api-key-touch');

/** An API key as Redis holds it: everything but the key. Times are Unix milliseconds. */
export interface StoredApiKey {
  readonly id: string;
  readonly project: string;
  readonly scopes: readonly Scope[];
  readonly name: string;
  readonly last4: string;
  readonly createdMs: number;
  readonly expiresMs: number | null;
  readonly lastUsedMs: number | null;
}

/** What one request needs to know of the key it carries. */
export interface ApiKeyGrant {
  readonly id: string;
  readonly project: string;
  readonly scopes: readonly Scope[];
  readonly expiresMs: number | null;
}

export interface NewApiKey {
  readonly id: string;
  /** SHA-256 of the key, hex. Keys are random, so a slow hash would add nothing. */
  readonly sha256: string;
  readonly project: string;
  readonly scopes: readonly Scope[];
  readonly name: string;
  readonly last4: string;
  readonly expiresMs: number | null;
  readonly idempotency: { readonly key: string; readonly fingerprint: string } | null;
  /** Given for the first key of an installation: the lease from `leaseFirstApiKey`. */
  readonly firstLease?: string;
}

export type ApiKeyCreation =
  | { readonly outcome: 'created'; readonly createdMs: number }
  | { readonly outcome: 'replayed'; readonly id: string }
  | { readonly outcome: 'key_reused' }
  | { readonly outcome: 'not_first' };

/** Stores a key; the same id twice is once. */
export async function createApiKey(store: RecordStore, key: NewApiKey): Promise<ApiKeyCreation> {
  const [outcome, detail = ''] = words(
    await create.run(store, [
      ...[key.id, key.sha256, key.project, key.scopes.join(','), key.name, key.last4, key.expiresMs ?? ''],
      ...[key.idempotency?.key ?? '', key.idempotency?.fingerprint ?? '', key.firstLease ?? ''],
    ]),
  );
  if (outcome === 'created') return { outcome, createdMs: Number(detail) };
  if (outcome === 'replayed') return { outcome, id: detail };
  if (outcome === 'key_reused' || outcome === 'not_first') return { outcome };
  throw new TypeError(`api-key-create answered ${outcome}`);
}

/** The grant of the key with this hash; one Redis command, as it runs on every request. */
export async function findApiKey(store: RecordStore, sha256: string): Promise<ApiKeyGrant | null> {
  const [id, project, scopes, expires] = await store.redis.hmget(
    store.keys.apiKey(sha256),
    ...['id', 'project', 'scopes', 'expires_at'],
  );
  if (!id || !project) return null;
  return { id, project, scopes: scopesOf(scopes ?? ''), expiresMs: expires ? Number(expires) : null };
}

/** Notes that the key was used now; callers do so at most once a minute and key. */
export async function touchApiKey(store: RecordStore, sha256: string): Promise<void> {
  await touch.run(store, [sha256]);
}

/** @param operation made by the caller, so that a command sent twice answers `revoked` twice */
export async function revokeApiKey(store: RecordStore, id: string, operation: string): Promise<'revoked' | 'missing'> {
  const [outcome] = words(await revoke.run(store, [id, operation]));
  return outcome === 'revoked' ? 'revoked' : 'missing';
}

export async function readApiKey(store: RecordStore, id: string): Promise<StoredApiKey | null> {
  const found = await store.redis.zrangebylex(store.keys.apiKeys, `[${id} `, `(${id}!`, 'LIMIT', 0, 1);
  return found[0] === undefined ? null : ((await readMembers(store, found))[0] ?? null);
}

/**
 * Keys of every project, newest first (ids are made in the order of time).
 * @param after id of the last key of the page before
 */
export async function listApiKeys(
  store: RecordStore,
  page: { readonly limit: number; readonly after: string | null },
): Promise<{ keys: StoredApiKey[]; next: string | null }> {
  const from = page.after === null ? '+' : `(${page.after} `;
  const members = await store.redis.zrevrangebylex(store.keys.apiKeys, from, '-', 'LIMIT', 0, page.limit + 1);
  const shown = members.slice(0, page.limit);
  const last = shown.at(-1);
  const next = members.length > page.limit && last !== undefined ? last.slice(0, last.indexOf(' ')) : null;
  return { keys: await readMembers(store, shown), next };
}

export async function countApiKeys(store: RecordStore): Promise<number> {
  return store.redis.zcard(store.keys.apiKeys);
}

/**
 * Decides which of several processes makes the first key: true for the holder of the lease alone.
 * It ends by itself, so a holder that dies leaves the work to the next start.
 */
export async function leaseFirstApiKey(store: RecordStore, lease: string, ms: number): Promise<boolean> {
  return (await store.redis.set(`${store.keys.root}first-api-key`, lease, 'PX', ms, 'NX')) === 'OK';
}

async function readMembers(store: RecordStore, members: readonly string[]): Promise<StoredApiKey[]> {
  const hashes = await Promise.all(
    members.map((member) => store.redis.hgetall(store.keys.apiKey(member.slice(member.indexOf(' ') + 1)))),
  );
  // A key revoked between the two reads is an empty hash.
  return hashes.filter((hash) => hash['id'] !== undefined).map(parse);
}

function parse(hash: Record<string, string>): StoredApiKey {
  return {
    id: hash['id'] ?? '',
    project: hash['project'] ?? '',
    scopes: scopesOf(hash['scopes'] ?? ''),
    name: hash['name'] ?? '',
    last4: hash['last4'] ?? '',
    createdMs: Number(hash['created_at']),
    expiresMs: hash['expires_at'] ? Number(hash['expires_at']) : null,
    lastUsedMs: hash['last_used_at'] ? Number(hash['last_used_at']) : null,
  };
}

function scopesOf(text: string): Scope[] {
  const given = text.split(',');
  return SCOPES.filter((scope) => given.includes(scope));
}
