import { isIPv6 } from 'node:net';
import type { AddressPolicy } from './policy.ts';
import { judgeTarget, type Target, type UrlFault } from './target.ts';

/** Longest URL taken, in UTF-16 code units, as written and as parsed. */
const MAX_URL_LENGTH = 2048;

export type UrlVerdict =
  | { readonly ok: true; readonly url: URL; readonly target: Target }
  | {
      readonly ok: false;
      /** `invalid`: no policy would take it. `blocked`: this policy does not. */
      readonly code: 'invalid' | 'blocked';
      /** One sentence that names every fault. */
      readonly message: string;
      readonly faults: readonly UrlFault[];
    };

const POLICY_FAULTS: ReadonlySet<UrlFault['code']> = new Set(['scheme', 'port', 'ip_literal', 'host', 'address']);

/**
 * Judges a URL as a stranger wrote it, without looking its host up. The raw text counts as well as
 * what `URL` makes of it, because `URL` repairs silently (white space, backslashes, missing slashes,
 * odd spellings of addresses) and other programs repair differently.
 *
 * @public
 */
export function checkUrl(text: string, policy: AddressPolicy): UrlVerdict {
  const faults = rawFaults(text);
  const url = URL.parse(text);
  if (url === null) {
    if (faults.length === 0) faults.push({ code: 'malformed', message: 'cannot be read' });
    return refused(faults);
  }
  if (url.href.length > MAX_URL_LENGTH && text.length <= MAX_URL_LENGTH) faults.push(tooLong(url.href.length));
  const verdict = judgeTarget(url, policy);
  if (!verdict.ok) return refused([...faults, ...verdict.faults]);
  if (verdict.target.literal && !isPlainLiteral(text, verdict.target.host)) {
    faults.push({ code: 'ip_literal', message: `must write its address as ${url.hostname}` });
  }
  return faults.length > 0 ? refused(faults) : { ok: true, url, target: verdict.target };
}

export function refused(faults: readonly UrlFault[]): UrlVerdict & { ok: false } {
  const clauses = [...new Set(faults.map(({ message }) => message))];
  return {
    ok: false,
    code: faults.every(({ code }) => POLICY_FAULTS.has(code)) ? 'blocked' : 'invalid',
    message: `The URL ${clauses.join(', ')}.`,
    faults,
  };
}

function rawFaults(text: string): UrlFault[] {
  const faults: UrlFault[] = [];
  if (text.length > MAX_URL_LENGTH) faults.push(tooLong(text.length));
  if (/[\u0000-\u001f\u007f-\u009f\s]/.test(text)) {
    faults.push({ code: 'characters', message: 'must not hold white space or control characters' });
  }
  if (!text.isWellFormed()) faults.push({ code: 'characters', message: 'must not hold half characters' });
  if (text.includes('\\')) faults.push({ code: 'characters', message: 'must not hold a backslash' });
  if (text.includes('#')) faults.push({ code: 'fragment', message: 'must not have a fragment' });
  const authority = rawAuthority(text);
  if (authority === undefined) {
    faults.push({ code: 'malformed', message: 'must be absolute, with two slashes and a host after its scheme' });
  } else {
    if (authority.includes('@')) {
      faults.push({ code: 'credentials', message: 'must not hold a user name or password' });
    }
    if (authority.includes('%')) faults.push({ code: 'characters', message: 'must not escape its host' });
  }
  return faults;
}

function tooLong(length: number): UrlFault {
  return { code: 'too_long', message: `must be at most ${MAX_URL_LENGTH} characters long, not ${length}` };
}

/** What stands between the two slashes and the path; nothing of it is decoded. */
function rawAuthority(text: string): string | undefined {
  return /^[a-z][a-z0-9+.-]*:\/\/([^/?#\\]+)/i.exec(text)?.[1];
}

/** An IPv4 address must be written in its one plain form: octal, hexadecimal, short and wide ones are tricks. */
function isPlainLiteral(text: string, host: string): boolean {
  const written = rawAuthority(text)?.replace(/:\d*$/, '');
  return written === host || (written !== undefined && isIPv6(written.replace(/^\[(.*)\]$/, '$1')));
}
