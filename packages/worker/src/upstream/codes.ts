import type { OutcomeKind } from '@songmill/shared/contract/outcomes';

/**
 * What each `base_resp.status_code` of MiniMax means for one call. Meanings: MiniMax's error code
 * page and its own command line client; 1013 is absent from today's page and known from practice.
 * A code that is not listed is an `unknown_failure`.
 */
export const MINIMAX_CODES: Readonly<Record<number, OutcomeKind>> = {
  1000: 'unknown_failure',
  1001: 'stated_failure',
  1002: 'rate_limited',
  1004: 'account',
  1008: 'account',
  1013: 'unknown_failure',
  1024: 'stated_failure',
  1026: 'content_rejected',
  1027: 'output_rejected',
  1028: 'quota',
  1030: 'quota',
  1033: 'stated_failure',
  1039: 'invalid_request',
  1041: 'rate_limited',
  1042: 'invalid_request',
  1043: 'invalid_request',
  1044: 'invalid_request',
  2013: 'invalid_request',
  2037: 'invalid_request',
  2038: 'account',
  2039: 'invalid_request',
  2042: 'invalid_request',
  2044: 'account',
  2045: 'rate_limited',
  2048: 'invalid_request',
  2049: 'account',
  2056: 'quota',
  2061: 'model',
  20132: 'invalid_request',
};

/** "No channel serves this model": trouble of the moment for a model that has worked, else of the model. */
export const NO_CHANNEL = -10008;

/**
 * What each `error.err_code` of 302.AI's gateway means for one call. Meanings: the texts of 302.AI's
 * own programs. -10008 is judged by `classify`, because it depends on the model's past.
 */
export const GATEWAY_CODES: Readonly<Record<number, OutcomeKind>> = {
  [-1024]: 'timeout',
  [-10001]: 'account',
  [-10002]: 'account',
  [-10003]: 'unknown_failure',
  [-10004]: 'account',
  [-10005]: 'account',
  [-10006]: 'account',
  [-10007]: 'quota',
  [-10009]: 'invalid_request',
  [-10010]: 'invalid_request',
  [-10011]: 'invalid_request',
  [-10012]: 'quota',
  [-10013]: 'account',
  [-10014]: 'account',
  [-10015]: 'invalid_request',
  [-10016]: 'invalid_request',
  [-10017]: 'invalid_request',
  [-10018]: 'quota',
  [-10504]: 'timeout',
  [-10600]: 'invalid_request',
};

/**
 * What an HTTP status means when no envelope says it better. 408 is a gateway that gave up waiting,
 * as 504 and 524 (Cloudflare's) are: it refuses nothing, and nobody knows what was billed.
 */
export function kindOfStatus(status: number): OutcomeKind {
  if (status === 408 || status === 504 || status === 524) return 'timeout';
  if (status === 401 || status === 402 || status === 403) return 'account';
  if (status === 429) return 'rate_limited';
  if (status >= 400 && status < 500) return 'invalid_request';
  if (status >= 200 && status < 300) return 'unreadable';
  return 'unknown_failure';
}

/** The codes of references that the upstream does not know any more, or never gave to this account. */
const STALE_REFERENCE_CODES: ReadonlySet<number> = new Set([2042, 20132]);

const ADVICE: Partial<Record<OutcomeKind, string>> = {
  invalid_request: 'the same request is refused each time, so change it and make a new generation',
  content_rejected: 'the words were refused, so change them and make a new generation',
  output_rejected: 'the song itself was refused and may have been billed; a retry makes another one and may pass',
  too_large: 'a retry would bring the same and may be billed; the operator may raise UPSTREAM_MAX_RESPONSE_BYTES',
};

/** What somebody can do about it; null when time alone helps or nobody can. */
export function adviceFor(kind: OutcomeKind, code: number | null): string | null {
  if (code !== null && STALE_REFERENCE_CODES.has(code))
    return 'upload the voice or instrumental again and name its new id';
  return ADVICE[kind] ?? null;
}
