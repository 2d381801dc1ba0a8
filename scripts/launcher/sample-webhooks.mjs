import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { LauncherError } from './failure.mjs';

const WITHIN_MS = 10_000;
const LOOK_MS = 50;

/**
 * A place on the simulator that takes the sample's webhooks and judges their signatures, so that a newcomer sees
 * them arrive without having a receiver.
 *
 * @param {{ client: any, simulatorUrl: string, signal: AbortSignal }} options
 * @returns {Promise<{ webhook: { url: string }, summary(songs: number): Promise<string> }>} `webhook` goes into each
 *   song's request; `summary` waits until as many were told of, or says how many are missing
 */
export async function openReceiver({ client, simulatorUrl, signal }) {
  // An own path for every run: what an earlier one still owes is not counted.
  const path = `/_hooks/sample-${randomUUID()}`;
  const { secret } = await client.webhookSecret.retrieve({ signal });
  const control = async (query, init) => {
    const response = await fetch(`${simulatorUrl}/_sim/hooks${query}`, { signal, ...init });
    if (!response.ok) throw new LauncherError(`the simulator's receiver answers ${response.status}`);
    return await response.json();
  };
  await control('', { method: 'POST', body: JSON.stringify({ path, secrets: [secret] }) });
  return {
    webhook: { url: `${simulatorUrl}${path}` },
    async summary(songs) {
      const until = performance.now() + WITHIN_MS;
      for (;;) {
        const { deliveries } = await control(`?path=${path}`);
        const line = summariseWebhooks(deliveries, songs);
        if (line.complete || performance.now() > until) return line.text;
        await sleep(LOOK_MS, undefined, { signal });
      }
    },
  };
}

/**
 * @param {Array<{ webhook_id: string | null, verdict: string }>} deliveries what came, also more than once
 * @param {number} songs that were to be told of
 * @returns {{ text: string, complete: boolean }}
 */
export function summariseWebhooks(deliveries, songs) {
  const verified = deliveries.filter(({ verdict }) => verdict === 'verified');
  const events = new Set(verified.map((delivery) => delivery.webhook_id)).size;
  const bad = deliveries.length - verified.length;
  const signatures = bad === 0 ? 'all signatures verified' : `${bad} with a signature that does not verify`;
  if (events >= songs) return { text: `${events} webhooks received, ${signatures}`, complete: true };
  return { text: `${events} of ${songs} webhooks received so far, ${signatures}`, complete: false };
}
