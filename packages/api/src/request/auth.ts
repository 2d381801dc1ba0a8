import { hash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { SCOPES, type Scope } from '@songmill/shared/contract/words';
import type { Logger } from '@songmill/shared/runtime/logger';
import { findApiKey, touchApiKey } from '@songmill/shared/runtime/records/api-keys';
import type { RecordStore } from '@songmill/shared/runtime/records/store';
import type { Principal } from '../context.ts';
import { ProblemError } from '../errors.ts';

export interface Authenticator {
  /**
   * Who sent this request. One Redis command at most, none for API_KEY, and no cache: a revoked key
   * is refused from its next request on.
   * @throws ProblemError unauthenticated
   */
  authenticate(req: IncomingMessage): Promise<Principal>;
}

/** Routes without a key are served as this. */
export const NOBODY: Principal = { keyId: 'none', project: '', scopes: new Set() };

const BOOTSTRAP: Principal = { keyId: 'bootstrap', project: 'default', scopes: new Set(SCOPES) };

/** Stored keys look like this; anything else is refused without a look-up. */
const STORED_KEY = /^sgm_[0-9A-Za-z]{20,128}$/;

const TOUCH_EVERY_MS = 60_000;

interface Deps {
  readonly store: RecordStore;
  readonly apiKey: string | undefined;
  readonly logger: Logger;
}

export function createAuthenticator({ store, apiKey, logger }: Deps): Authenticator {
  const bootstrap = apiKey === undefined ? null : digest(apiKey);
  const touched = new Map<string, number>();

  /** Keeps `last_used_at` roughly right; a lost touch harms nobody, so nothing waits for it. */
  function touch(sha256: string): void {
    const now = Date.now();
    if (now - (touched.get(sha256) ?? 0) < TOUCH_EVERY_MS) return;
    if (touched.size >= 10_000) touched.clear();
    touched.set(sha256, now);
    touchApiKey(store, sha256).catch((error: unknown) => logger.debug({ err: error }, 'last use not noted'));
  }

  return {
    async authenticate(req) {
      const key = bearer(req.headers.authorization);
      if (key === null) throw refusal(false);
      const given = digest(key);
      if (bootstrap !== null && timingSafeEqual(given, bootstrap)) return BOOTSTRAP;
      if (!STORED_KEY.test(key)) throw refusal(true);
      const sha256 = given.toString('hex');
      const grant = await findApiKey(store, sha256);
      if (grant === null || (grant.expiresMs !== null && grant.expiresMs <= Date.now())) throw refusal(true);
      touch(sha256);
      return { keyId: grant.id, project: grant.project, scopes: new Set(grant.scopes) };
    },
  };
}

/** True when the key may do what the scope names: `generate` and `operate` include `read`. */
export function allows(principal: Principal, scope: Scope): boolean {
  const { scopes } = principal;
  if (scopes.has(scope)) return true;
  return scope === 'read' && (scopes.has('generate') || scopes.has('operate'));
}

/** @throws ProblemError forbidden, naming the scope */
export function demand(principal: Principal, scope: Scope): void {
  if (allows(principal, scope)) return;
  throw new ProblemError('forbidden', `this needs a key with the scope ${scope}`, { required_scope: scope });
}

export function digest(text: string): Buffer {
  return hash('sha256', text, 'buffer');
}

function bearer(header: string | undefined): string | null {
  return /^Bearer +([\x21-\x7e]+) *$/i.exec(header ?? '')?.[1] ?? null;
}

function refusal(given: boolean): ProblemError {
  const challenge = given ? 'Bearer realm="songmill", error="invalid_token"' : 'Bearer realm="songmill"';
  const detail = given ? 'the API key is not valid' : 'send Authorization: Bearer <key>';
  return new ProblemError('unauthenticated', detail, { headers: { 'WWW-Authenticate': challenge } });
}
