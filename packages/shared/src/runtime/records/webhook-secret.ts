import { randomBytes } from 'node:crypto';
import { newToken } from '../ids.ts';
import type { Idempotency } from './accept.ts';
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
  const [, secret] = words(await script.run(store, [keyOf({ project }), project, newSecret(), '', 0, '', '', 0]));
  return secret!;
}

interface RotateInput {
  readonly owner: SecretOwner;
  /** The new secret. */
  readonly fresh: string;
  /** For how long the one before signs beside it. */
  readonly overlapMs: number;
  readonly idempotency?: Idempotency | null;
  readonly operation?: string;
  readonly aheadMs?: number;
}

/** Puts a new secret in the place of the one before; missing = there is no such endpoint. */
export async function rotateSecret(
  store: RecordStore,
  { owner, fresh, overlapMs, idempotency, operation = newToken(), aheadMs = 0 }: RotateInput,
): Promise<'rotated' | 'replayed' | 'key_reused' | 'missing'> {
  const [outcome] = words(
    await script.run(store, [
      ...[keyOf(owner), owner.project, fresh, operation, Math.ceil(overlapMs)],
      ...[idempotency?.key ?? '', idempotency?.fingerprint ?? '', aheadMs],
    ]),
  );
  return outcome as 'rotated' | 'replayed' | 'key_reused' | 'missing';
}
