export type ByteRange =
  | { readonly kind: 'whole' }
  | { readonly kind: 'part'; readonly start: number; readonly end: number }
  | { readonly kind: 'unsatisfiable' };

const WHOLE = { kind: 'whole' } as const;

/**
 * What of a file of `size` bytes to send (RFC 9110 section 14). A header that cannot be read and
 * several ranges at once are answered with the whole, as the RFC allows; so is a range whose
 * If-Range does not name exactly this file. A suffix longer than the file is the whole file.
 */
export function byteRange(
  headers: { range?: string | undefined; ifRange?: string | undefined },
  size: number,
  tag: string,
): ByteRange {
  const match = /^bytes=\s*(\d{0,15})-(\d{0,15})\s*$/i.exec(headers.range ?? '');
  if (match === null || (headers.ifRange !== undefined && headers.ifRange.trim() !== tag)) return WHOLE;
  const [first, last] = [match[1] as string, match[2] as string];
  if (first === '' && last === '') return WHOLE;
  if (first !== '' && last !== '' && Number(last) < Number(first)) return WHOLE;
  const start = first === '' ? Math.max(size - Number(last), 0) : Number(first);
  const end = first === '' || last === '' ? size - 1 : Math.min(Number(last), size - 1);
  return start > end ? { kind: 'unsatisfiable' } : { kind: 'part', start, end };
}
