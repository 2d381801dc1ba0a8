import { type AddressPolicy, addressPolicy } from './address/policy.ts';
import type { Settings } from './settings.ts';

/** Where webhooks may go: asked when a URL is given, and again at every connection. */
export function webhookPolicy(settings: Pick<Settings, 'WEBHOOK_ALLOW' | 'WEBHOOK_ALLOW_PRIVATE'>): AddressPolicy {
  return addressPolicy({ allow: settings.WEBHOOK_ALLOW ?? [], allowPrivate: settings.WEBHOOK_ALLOW_PRIVATE });
}
