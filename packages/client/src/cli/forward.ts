import { createHmac } from 'node:crypto';
import type { SongmillEvent } from '../event.ts';
import type { Streamed } from '../events/streamed.ts';
import { CliError, EXIT } from './exit.ts';

/** What the receiver answered, or why it did not. */
export interface Forwarded {
  readonly status: number | null;
  readonly error: string | null;
}

const TIMEOUT_MS = 15_000;

/**
 * Sends events to a URL as webhooks, signed as the server signs them (Standard Webhooks 1.0.0). Each is
 * sent once: this is for trying a receiver.
 *
 * @param secret `whsec_…`
 */
export function createForwarder(url: string, secret: string) {
  if (!/^https?:$/.test(URL.parse(url)?.protocol ?? '')) {
    throw new CliError(`--forward-to must be an http or https URL, not ${url}`, EXIT.usage);
  }
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
  return async ({ id, ...event }: Streamed<SongmillEvent>, signal: AbortSignal): Promise<Forwarded> => {
    const body = JSON.stringify(event);
    const messageId = `evt_listen_${id}`;
    const timestamp = Math.floor(Date.now() / 1000);
    const signature = createHmac('sha256', key).update(`${messageId}.${timestamp}.${body}`).digest('base64');
    const headers = {
      'content-type': 'application/json',
      'webhook-id': messageId,
      'webhook-timestamp': String(timestamp),
      'webhook-signature': `v1,${signature}`,
    };
    try {
      const limited = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]);
      const answer = await fetch(url, { method: 'POST', headers, body, redirect: 'manual', signal: limited });
      await answer.body?.cancel();
      return { status: answer.status, error: null };
    } catch (error) {
      signal.throwIfAborted();
      const { cause, message } = error as Error;
      return { status: null, error: cause instanceof Error && cause.message ? cause.message : message };
    }
  };
}
