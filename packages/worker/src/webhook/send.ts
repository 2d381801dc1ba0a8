import type { Dispatcher } from 'undici';
import { request } from 'undici';
import type { DeliveryError } from '@songmill/shared/contract/webhook';
import { guardFailure } from '@songmill/shared/runtime/address/guard-error';
import type { DeliveryEnd } from '@songmill/shared/runtime/records/deliver';
import { retryAfterMs } from '../upstream/retry-after.ts';
import { throttleMs } from './delays.ts';

/** More of an answer is never read. */
const MOST_ANSWER_BYTES = 65_536;
/** What of it is kept for the owner, in characters. */
const EXCERPT = 1000;

export interface Sending {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** WEBHOOK_TIMEOUT_MS: look-up to last byte. */
  readonly timeoutMs: number;
  /** First wait of the schedule. */
  readonly firstWaitMs: number;
}

/**
 * One POST. Success is a whole 2xx answer and nothing else; a redirect is an answer like any other and is
 * not followed. Never throws: what goes wrong is one of a few coarse classes.
 */
export async function send(dispatcher: Dispatcher, { url, headers, body, ...limits }: Sending): Promise<DeliveryEnd> {
  const began = performance.now();
  const deadline = AbortSignal.timeout(limits.timeoutMs);
  const ended = (end: Omit<DeliveryEnd, 'durationMs'>): DeliveryEnd => ({
    ...end,
    durationMs: performance.now() - began,
  });
  let statusCode: number | null = null;
  try {
    const response = await request(url, {
      dispatcher,
      method: 'POST',
      headers: { 'content-type': 'application/json', 'user-agent': 'Songmill-Webhooks/1', ...headers },
      body,
      signal: deadline,
    });
    ({ statusCode } = response);
    const answer = await readBeginning(response.body);
    const asked = retryAfterMs(response.headers['retry-after'] ?? null, 'quota', Date.now());
    const success = statusCode >= 200 && statusCode < 300;
    return ended({
      outcome: success ? 'succeeded' : statusCode === 410 ? 'gone' : 'failed',
      statusCode,
      error: success ? null : statusCode >= 300 && statusCode < 400 ? 'redirect' : 'status',
      answer,
      throttleMs: throttleMs(statusCode, asked, limits.firstWaitMs),
    });
  } catch (error) {
    const failure = deadline.aborted ? 'timeout' : guardFailure(error);
    const known: DeliveryError = statusCode !== null && failure === 'connect' ? 'cut' : failure;
    return ended({ outcome: 'failed', statusCode, error: known, answer: '', throttleMs: 0 });
  }
}

/** The first 64 KiB decide; a receiver that goes on talking is hung up on. */
async function readBeginning(body: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes >= MOST_ANSWER_BYTES) break;
  }
  const text = Buffer.concat(chunks)
    .subarray(0, EXCERPT * 4)
    .toString('utf8');
  return [...text].slice(0, EXCERPT).join('').toWellFormed();
}
