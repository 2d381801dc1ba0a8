import { createHash } from 'node:crypto';
import { canonicalJson } from './idempotency.ts';

/**
 * Cursors are opaque text that holds where to go on and a hash of the filters they were made with:
 * the same cursor under other filters would skip records in silence.
 */
export function writeCursor(filters: unknown, position: string | number): string {
  return Buffer.from(JSON.stringify([hash(filters), position])).toString('base64url');
}

/** The position, or null when the text is no cursor or was made with other filters. */
export function readCursor(filters: unknown, text: string): string | number | null {
  let parts: unknown;
  try {
    parts = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'));
  } catch {
    return null;
  }
  if (!Array.isArray(parts) || parts.length !== 2 || parts[0] !== hash(filters)) return null;
  const position: unknown = parts[1];
  return typeof position === 'string' || typeof position === 'number' ? position : null;
}

function hash(filters: unknown): string {
  return createHash('sha256').update(canonicalJson(filters)).digest('base64url').slice(0, 16);
}
