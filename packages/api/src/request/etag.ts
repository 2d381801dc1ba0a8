import { createHash } from 'node:crypto';
import type { Generation } from '@songmill/shared/contract/generation';

/**
 * Strong tag over the record without `queue`: a place in line changes all the time and is no reason
 * to send a record again.
 */
export function generationTag(generation: Generation): string {
  const text = JSON.stringify({ ...generation, queue: null });
  return `"${createHash('sha256').update(text).digest('base64url').slice(0, 32)}"`;
}

/** RFC 9110 If-None-Match: weak comparison, a list, or `*`. */
export function noneMatch(header: string | undefined, tag: string): boolean {
  if (header === undefined) return true;
  if (header.trim() === '*') return false;
  return !header.split(',').some((one) => one.trim().replace(/^W\//, '') === tag);
}
