import { SongmillError } from './errors.ts';
import type { SongmillEvent } from './event.ts';

/** What libraries of Standard Webhooks allow either way. */
const TOLERANCE_SECONDS = 300;
/** A signature for each secret in use, with room to spare; more would only make us compute. */
const MOST_SIGNATURES = 32;
const WEBHOOK_PREFIX = 'webhook-';

type WebCrypto = typeof globalThis.crypto;

/** Why a request is not what it claims to be. */
export type WebhookFault =
  | 'missing_header'
  | 'bad_timestamp'
  | 'too_old'
  | 'too_new'
  | 'no_matching_signature'
  | 'bad_body';

/** This request was not sent by Songmill just now, or was changed on its way: answer it with 400 and forget it. */
export class WebhookVerificationError extends SongmillError {
  override readonly name: string = 'WebhookVerificationError';
  readonly fault: WebhookFault;

  constructor(fault: WebhookFault, message: string) {
    super(message);
    this.fault = fault;
  }
}

/** Headers in any shape that frameworks have: names in any case, a value alone or in a list. */
export type WebhookHeaders =
  | Iterable<readonly [string, string]>
  | Readonly<Record<string, string | readonly string[] | undefined>>;

export interface VerifyOptions {
  /** How old or how far ahead the timestamp may be. Default 300. */
  readonly toleranceSeconds?: number | undefined;
  /** What the clock says, in Unix milliseconds; for tests. */
  readonly nowMs?: number | undefined;
}

/**
 * Verifies a webhook (Standard Webhooks 1.0.0, HMAC-SHA256) and gives its event.
 *
 * @param rawBody the bytes as they came. A parsed body cannot be verified: parsing loses how it was written
 * @param secret `whsec_…`; several while one is rotated
 * @throws WebhookVerificationError whose `fault` says what is wrong with the request
 * @throws SongmillError when what it is called with can verify nothing: no secret, a parsed body
 */
export async function verifyWebhook(
  rawBody: string | Uint8Array | ArrayBuffer,
  headers: WebhookHeaders,
  secret: string | readonly string[],
  options: VerifyOptions = {},
): Promise<SongmillEvent> {
  const body = bytesOf(rawBody);
  const keys = (typeof secret === 'string' ? [secret] : secret).map(keyOf);
  if (keys.length === 0) throw new SongmillError('no secret to verify with');
  const given = webhookHeaders(headers);
  const id = required(given, 'webhook-id');
  const timestamp = required(given, 'webhook-timestamp');
  const signatures = required(given, 'webhook-signature');
  judgeAge(timestamp, options);
  if (!(await isSigned(`${id}.${timestamp}.`, body, signatures, keys))) {
    throw new WebhookVerificationError(
      'no_matching_signature',
      'no signature matches: another secret, or another body',
    );
  }
  return eventOf(body);
}

/** Also recognises an error that another copy of this package made. */
export function isWebhookVerificationError(error: unknown): error is WebhookVerificationError {
  return error instanceof Error && error.name === 'WebhookVerificationError' && 'fault' in error;
}

function bytesOf(rawBody: unknown): Uint8Array<ArrayBuffer> {
  if (typeof rawBody === 'string') return new TextEncoder().encode(rawBody);
  // A copy, because what a pool of buffers lends may change while we compute.
  if (rawBody instanceof Uint8Array) return new Uint8Array(rawBody);
  if (rawBody instanceof ArrayBuffer) return new Uint8Array(rawBody.slice(0));
  throw new SongmillError('rawBody must be the bytes or the text as received, before anything parsed them');
}

function keyOf(secret: unknown): Uint8Array<ArrayBuffer> {
  // An empty key would verify what anybody can sign.
  const base64 = typeof secret === 'string' ? secret.trim().replace(/^whsec_/, '') : '';
  try {
    const key = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
    if (key.length > 0) return key;
  } catch {
    // Said below, without the text: it may be most of a secret.
  }
  throw new SongmillError('secret must be whsec_ and base64, as Songmill shows it');
}

/** Those that matter, by lower-case name. What came twice with different values is worth as much as none. */
function webhookHeaders(headers: WebhookHeaders): Map<string, string> {
  const pairs = Symbol.iterator in headers ? (headers as Iterable<readonly [string, string]>) : Object.entries(headers);
  const found = new Map<string, Set<string>>();
  for (const [name, value] of pairs) {
    const lower = name.toLowerCase();
    if (!lower.startsWith(WEBHOOK_PREFIX) || value === undefined) continue;
    const values = found.get(lower) ?? new Set();
    for (const each of typeof value === 'string' ? [value] : value) values.add(each);
    found.set(lower, values);
  }
  return new Map([...found].flatMap(([name, values]) => (values.size === 1 ? [[name, [...values][0]!]] : [])));
}

function required(headers: ReadonlyMap<string, string>, name: string): string {
  const value = headers.get(name);
  if (value) return value;
  throw new WebhookVerificationError('missing_header', `the header ${name} must be there, once`);
}

function judgeAge(timestamp: string, options: VerifyOptions): void {
  // Number() and parseInt() take "1e9", " 5" and "5x" for times; the signature covers the text as it is.
  if (!/^\d{1,15}$/.test(timestamp)) {
    throw new WebhookVerificationError('bad_timestamp', 'webhook-timestamp must be whole seconds in digits');
  }
  const { toleranceSeconds = TOLERANCE_SECONDS, nowMs = Date.now() } = options;
  const age = Math.floor(nowMs / 1000) - Number(timestamp);
  // Asked in this way round, so that a tolerance that is no number lets nothing pass.
  if (Math.abs(age) <= toleranceSeconds) return;
  if (age > 0) throw new WebhookVerificationError('too_old', `it was signed ${age} s ago`);
  throw new WebhookVerificationError('too_new', `it was signed ${-age} s ahead of this clock`);
}

async function isSigned(
  start: string,
  body: Uint8Array<ArrayBuffer>,
  signatures: string,
  keys: readonly Uint8Array<ArrayBuffer>[],
): Promise<boolean> {
  const subtle = await webCrypto();
  const head = new TextEncoder().encode(start);
  const signed = new Uint8Array(head.length + body.length);
  signed.set(head);
  signed.set(body, head.length);
  const given = signatures.split(' ').slice(0, MOST_SIGNATURES);
  let matches = false;
  for (const key of keys) {
    const hmac = await subtle.importKey('raw', key, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign']);
    const mac = new Uint8Array(await subtle.sign('HMAC', hmac, signed));
    const expected = `v1,${btoa(String.fromCharCode(...mac))}`;
    for (const signature of given) matches = isSameText(signature, expected) || matches;
  }
  return matches;
}

/** Takes as long for a guess that is nearly right as for one that is all wrong. */
function isSameText(guess: string, expected: string): boolean {
  if (guess.length !== expected.length) return false;
  let difference = 0;
  for (let i = 0; i < expected.length; i++) difference |= guess.charCodeAt(i) ^ expected.charCodeAt(i);
  return difference === 0;
}

/** The platform's; Node 18 has it in a module only. Named by a variable, so that bundlers for browsers leave it alone. */
async function webCrypto(): Promise<WebCrypto['subtle']> {
  const own = globalThis.crypto as WebCrypto | undefined;
  if (own !== undefined) return own.subtle;
  const moduleOfNode: string = 'node:crypto';
  const { webcrypto } = (await import(moduleOfNode)) as { webcrypto: WebCrypto };
  return webcrypto.subtle;
}

function eventOf(body: Uint8Array<ArrayBuffer>): SongmillEvent {
  let event: unknown;
  try {
    event = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch {
    // Judged below.
  }
  const { type, data } = (event ?? {}) as { type?: unknown; data?: unknown };
  if (typeof type === 'string' && typeof data === 'object' && data !== null) return event as SongmillEvent;
  throw new WebhookVerificationError('bad_body', 'the body is signed, but it is no event');
}
