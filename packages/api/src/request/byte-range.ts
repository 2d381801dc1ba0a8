import parseRange from 'range-parser';

export type ByteRange =
  | { readonly kind: 'whole' }
  | { readonly kind: 'part'; readonly start: number; readonly end: number }
  | { readonly kind: 'unsatisfiable' };

/**
 * What of a file of `size` bytes to send (RFC 9110 section 14). A header that cannot be read and
 * several ranges at once are answered with the whole, as the RFC allows; so is a range whose
 * If-Range does not name exactly this file.
 */
export function byteRange(
  headers: { range?: string | undefined; ifRange?: string | undefined },
  size: number,
  tag: string,
): ByteRange {
  const { range, ifRange } = headers;
  if (range === undefined || !range.startsWith('bytes=')) return { kind: 'whole' };
  if (ifRange !== undefined && ifRange.trim() !== tag) return { kind: 'whole' };
  const parsed = parseRange(size, range);
  if (parsed === -2) return { kind: 'whole' };
  if (parsed === -1) return { kind: 'unsatisfiable' };
  const [only, ...more] = parsed;
  if (only === undefined || more.length > 0) return { kind: 'whole' };
  return { kind: 'part', start: only.start, end: only.end };
}
