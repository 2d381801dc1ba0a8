import { createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

const TOLERANCE_SECONDS = 300;

/** What a careful receiver makes of a delivery; `unjudged` = it was told no secret. */
export type Verdict = 'verified' | 'unjudged' | 'missing_headers' | 'stale' | 'wrong_signature';

/**
 * Judges by Standard Webhooks 1.0.0, written apart from what signs, so that both are not wrong in the same way.
 *
 * @param secrets `whsec_…`; each may have signed
 */
export function judge(
  headers: IncomingHttpHeaders,
  body: Buffer,
  secrets: readonly string[],
  nowMs: number = Date.now(),
): Verdict {
  if (secrets.length === 0) return 'unjudged';
  const [id, timestamp, signatures] = ['id', 'timestamp', 'signature'].map((name) => headers[`webhook-${name}`]);
  if (typeof id !== 'string' || typeof timestamp !== 'string' || typeof signatures !== 'string') {
    return 'missing_headers';
  }
  if (!/^\d+$/.test(timestamp)) return 'stale';
  if (Math.abs(nowMs / 1000 - Number(timestamp)) > TOLERANCE_SECONDS) return 'stale';
  const macs = secrets.map((secret) =>
    createHmac('sha256', Buffer.from(secret.slice('whsec_'.length), 'base64'))
      .update(`${id}.${timestamp}.`)
      .update(body)
      .digest(),
  );
  const given = signatures.split(' ').flatMap((text) => {
    const [version, base64 = ''] = text.split(',', 2);
    return version === 'v1' ? [Buffer.from(base64, 'base64')] : [];
  });
  const isSigned = given.some((guess) =>
    macs.some((mac) => guess.length === mac.length && timingSafeEqual(guess, mac)),
  );
  return isSigned ? 'verified' : 'wrong_signature';
}
