import { createHash } from 'node:crypto';
import type { Idempotency } from '@songmill/shared/runtime/records/accept';
import type { Call, Faults } from '../context.ts';
import { ProblemError } from '../errors.ts';

/** The caller's key, or null when it sent none. What breaks the rule is added to `faults`. */
export function idempotencyKey(call: Call, faults: Faults): string | null {
  const header = call.req.headers['idempotency-key'];
  if (header === undefined) return null;
  const text = Array.isArray(header) ? header.join(', ') : header;
  if (/^[\x21-\x7e]{1,255}$/.test(text)) return text;
  faults.push({ header: 'Idempotency-Key', code: 'invalid_key', message: '1 to 255 visible ASCII characters' });
  return null;
}

/**
 * What the record scripts decide by: the key scoped to project and route, and a fingerprint of what
 * was asked, so that spelling (order of keys, defaults written out, JSON or form) makes no difference.
 *
 * @param asked the parsed, defaulted body
 */
export function idempotencyOf(call: Call, key: string | null, asked: unknown): Idempotency | null {
  if (key === null) return null;
  const route = `${call.req.method} ${call.pattern}`;
  const { params } = call;
  return {
    key: sha256(`${call.principal.project}\n${route}\n${key}`),
    fingerprint: sha256(canonicalJson([asked, params, call.rawQuery])),
  };
}

/** JSON with the keys of every object sorted. Input is parsed JSON of at most 32 levels. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value === 'object' && value !== null) {
    const pairs = Object.entries(value)
      .filter(([, inner]) => inner !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, inner]) => `${JSON.stringify(key)}:${canonicalJson(inner)}`);
    return `{${pairs.join(',')}}`;
  }
  return JSON.stringify(value) ?? 'null';
}

export function keyReused(): ProblemError {
  return new ProblemError(
    'idempotency_key_reused',
    'this Idempotency-Key came with another body or query before; make a new one for a new request',
  );
}

export const REPLAYED = { 'Idempotent-Replayed': 'true' } as const;

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
