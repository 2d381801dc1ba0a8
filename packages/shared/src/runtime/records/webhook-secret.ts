import { randomBytes } from 'node:crypto';
import { newToken } from '../ids.ts';
import { loadScript, type RecordStore, words } from './store.ts';

const script = loadScript('secret-rotate');

/** 32 random bytes in the form of Standard Webhooks 1.0.0: `whsec_` and base64. */
export function newSecret(): string {
  return `whsec_${randomBytes(32).toString('base64')}`;
}

/** Whose secret: an endpoint's, or the one of the URLs that a project's requests name. */
export type SecretOwner = { readonly endpoint: string; readonly project: string } | { readonly project: string };

function keyOf(owner: SecretOwner): string {
  return 'endpoint' in owner ? `ep:${owner.endpoint}` : `ws:${owner.project}`;
}

/** The secret of a project's own URLs; made when it is first asked for. */
export async function readSecret(store: RecordStore, project: string): Promise<string> {
  const [secret] = words(await script.run(store, [keyOf({ project }), project, newSecret(), '', 0, 0]));
  return secret!;
}

/**
 * A new secret, or null when there is no such endpoint. The one before signs beside it for a time.
 *
 * @param input.fresh the new secret; when another one is answered, the same operation made that before
 */
export async function rotateSecret(
  store: RecordStore,
  input: { owner: SecretOwner; overlapMs: number; operation?: string; fresh?: string; aheadMs?: number },
): Promise<string | null> {
  const { owner, overlapMs, operation = newToken(), fresh = newSecret(), aheadMs = 0 } = input;
  const reply = words(
    await script.run(store, [keyOf(owner), owner.project, fresh, operation, Math.ceil(overlapMs), aheadMs]),
  );
  return reply[0] === 'missing' ? null : reply[0]!;
}
