/**
 * The few places of an answer that decide what it means. Everything else is read past, so an answer
 * of any size costs the same memory. MiniMax says how it went in `base_resp`, 302.AI in `error`.
 */
export const KEPT_PATHS = [
  'base_resp.status_code',
  'base_resp.status_msg',
  'error',
  'error.err_code',
  'error.code',
  'error.message',
  'message',
  'trace_id',
  'data.status',
  'data.audio',
  'data.audio_url',
  'voice_id',
  'instrumental_id',
] as const;
export type KeptPath = (typeof KEPT_PATHS)[number];

/** A value as it stood there; `'structure'` marks an object or array where a plain value was looked for. */
export type KeptValue = { readonly type: 'text'; readonly text: string } | PlainValue;
type PlainValue =
  | { readonly type: 'number'; readonly value: number }
  | { readonly type: 'boolean' }
  | { readonly type: 'null' }
  | { readonly type: 'structure' };

/** What stood at `data.audio`. */
export type AudioState =
  /** No such key, or no text there. */
  | 'absent'
  | 'empty'
  /** An even number of hex digits, all decoded. */
  | 'hex'
  | 'odd_digits'
  | 'bad_digit'
  /** An http(s) URL, which 302.AI gives for later models; kept under `data.audio`. */
  | 'url';

/** One answer, read. */
export interface Answer {
  /** `readable`: one whole JSON object with no key twice where it matters. */
  readonly readable: boolean;
  /** Why it is not readable, in a few words that quote nothing of it. */
  readonly fault: string | null;
  readonly kept: ReadonlyMap<KeptPath, KeptValue>;
  readonly audio: AudioState;
  /** The first bytes as text on one line, without tags; for people who ask what came instead of JSON. */
  readonly excerpt: string;
}

/** The text at a path, or null. */
export function textAt(answer: Answer, path: KeptPath): string | null {
  const value = answer.kept.get(path);
  return value?.type === 'text' ? value.text : null;
}

/** The code at a path: upstreams write codes as numbers and as text. `null` for none, `'odd'` for what is no code. */
export function codeAt(answer: Answer, path: KeptPath): number | 'odd' | null {
  const value = answer.kept.get(path);
  if (value === undefined || value.type === 'null') return null;
  if (value.type === 'number' && Number.isSafeInteger(value.value)) return value.value;
  if (value.type === 'text' && /^\s*-?\d{1,9}\s*$/.test(value.text)) return Number(value.text);
  return 'odd';
}
