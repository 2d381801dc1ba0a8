import { readLua } from './store.ts';

/** The codes of frequent words, from the list that the scripts read. */
const CODES: ReadonlyMap<string, string> = new Map(
  [...readLua('lua/packed-words.lua').matchAll(/^ {4}'(.*)',$/gm)].map((match, index) => {
    const n = index + 1;
    return [n <= 25 ? String.fromCharCode(n) : `\x1a${String.fromCharCode(n + 7)}`, match[1]!];
  }),
);
const BETWEEN = '\x1f';

/**
 * The hash of a record as it was before `retain` packed it into the one field `packed` (retain.lua
 * says how); a hash that was not packed as it is. One HGETALL reads either.
 */
export function unpackedHash(id: string, hash: Record<string, string>): Record<string, string> {
  const { packed, ...rest } = hash;
  if (packed === undefined) return hash;
  const [time = '', token = '', trace = '', ...parts] = packed.split(BETWEEN);
  const own = new Map([
    ['\x1b', time],
    ['\x1c', token],
    ['\x1d', trace],
    ['\x1e', id],
  ]);
  const wordOf = (code: string) => own.get(code) ?? CODES.get(code) ?? code;
  // oxlint-disable-next-line no-control-regex -- these bytes are the code; JSON holds none of them
  const whole = (text: string) => text.replaceAll(/\x1a.|[\x01-\x1e]/g, wordOf);
  const fields: Record<string, string> = {};
  for (let at = 0; at + 1 < parts.length; at += 2) fields[whole(parts[at]!)] = whole(parts[at + 1]!);
  return { ...fields, created_at: String(Math.floor(Number(fields['ordinal']) / 1000)), ...rest };
}
