import type { FieldFault } from '@songmill/shared/contract/generation-rules';
import type { InputFault } from '@songmill/shared/contract/problem';
import { checkDestination } from '@songmill/shared/runtime/address/destination';
import { checkUrl } from '@songmill/shared/runtime/address/url';
import { webhookPolicy } from '@songmill/shared/runtime/webhook-policy';
import type { ApiContext } from '../context.ts';

/**
 * The fault of a URL that is to be told of events, or null. Its host is looked up, too; one that cannot be
 * found now may be there by the time of the first event, which is judged again at its connection.
 */
export async function endpointUrlFault({ settings }: ApiContext, url: string): Promise<InputFault | null> {
  const verdict = await checkDestination(url, { policy: webhookPolicy(settings) });
  if (verdict.ok || verdict.code === 'dns' || verdict.code === 'timeout') return null;
  return { pointer: '/url', code: `url_${verdict.code}`, message: verdict.message };
}

/** The same for the URL that a generation's body names, without a look-up: a name server must not hold up a song. */
export function requestUrlFault({ settings }: ApiContext, body: unknown): FieldFault | null {
  const { webhook } = (body ?? {}) as { webhook?: { url?: unknown } | null };
  const url = webhook?.url;
  // What is no text is judged by the schema.
  if (typeof url !== 'string' || url === '') return null;
  const verdict = checkUrl(url, webhookPolicy(settings));
  return verdict.ok ? null : { pointer: '/webhook/url', code: `url_${verdict.code}`, message: verdict.message };
}
