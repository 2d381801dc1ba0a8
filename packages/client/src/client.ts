import { type Pause, pause } from './clock.ts';
import { SongmillError } from './errors.ts';
import type { ClientContext, FetchLike } from './request.ts';
import { ApiKeys } from './resources/api-keys.ts';
import { Batches } from './resources/batches.ts';
import { BulkActions } from './resources/bulk-actions.ts';
import { Events } from './resources/events.ts';
import { Generations } from './resources/generations.ts';
import { Health } from './resources/health.ts';
import { References } from './resources/references.ts';
import { Models } from './resources/models.ts';
import { Queues } from './resources/queues.ts';
import { WebhookDeliveries } from './resources/webhook-deliveries.ts';
import { WebhookEndpoints } from './resources/webhook-endpoints.ts';
import { WebhookSecret } from './resources/webhook-secret.ts';
import { Workers } from './resources/workers.ts';

export interface SongmillOptions {
  /** Where the server is, with a path if it is served under one. Default `http://127.0.0.1:8080`. */
  readonly url?: string | undefined;
  /** Needed for everything but `health`. */
  readonly apiKey?: string | undefined;
  /** Used instead of the platform's own `fetch`. */
  readonly fetch?: FetchLike | undefined;
  /** Limit for one call with all its tries, in milliseconds. Default 60000. */
  readonly timeoutMs?: number | undefined;
  /** Further tries of calls that are safe to repeat. Default 2; 0 = none. */
  readonly maxRetries?: number | undefined;
  /** How pauses between tries and polls are made; a test may give one that does not wait. */
  readonly pause?: Pause | undefined;
}

/** A client of one Songmill server. It holds no connection and needs no closing. */
export class Songmill {
  readonly generations: Generations;
  readonly batches: Batches;
  readonly bulkActions: BulkActions;
  readonly events: Events;
  readonly references: References;
  readonly apiKeys: ApiKeys;
  readonly queues: Queues;
  readonly workers: Workers;
  readonly webhookEndpoints: WebhookEndpoints;
  readonly webhookDeliveries: WebhookDeliveries;
  readonly webhookSecret: WebhookSecret;
  readonly health: Health;
  readonly models: Models;

  /** @throws SongmillError for a url or an apiKey that no request could carry */
  constructor(options: SongmillOptions = {}) {
    const context: ClientContext = {
      url: baseUrl(options.url ?? 'http://127.0.0.1:8080'),
      apiKey: checkedKey(options.apiKey),
      // Called through an arrow: browsers refuse `fetch` with another `this` than the window.
      fetch: options.fetch ?? ((url, init) => globalThis.fetch(url, init)),
      timeoutMs: options.timeoutMs ?? 60_000,
      maxRetries: options.maxRetries ?? 2,
      pause: options.pause ?? pause,
      random: Math.random,
    };
    this.generations = new Generations(context);
    this.batches = new Batches(context);
    this.bulkActions = new BulkActions(context);
    this.events = new Events(context);
    this.references = new References(context);
    this.apiKeys = new ApiKeys(context);
    this.queues = new Queues(context);
    this.workers = new Workers(context);
    this.webhookEndpoints = new WebhookEndpoints(context);
    this.webhookDeliveries = new WebhookDeliveries(context);
    this.webhookSecret = new WebhookSecret(context);
    this.health = new Health(context);
    this.models = new Models(context);
  }
}

function baseUrl(given: string): string {
  const url = URL.parse(given);
  if (!url || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw new SongmillError('url must begin with http:// or https://');
  }
  if (url.username || url.password || url.search || url.hash) {
    throw new SongmillError('url must have no user, password, query or fragment; the key goes into apiKey');
  }
  return url.href.replace(/\/+$/, '');
}

/** Checked here because the platform's own message would quote the key. */
function checkedKey(key: string | undefined): string | null {
  if (key === undefined || key === '') return null;
  if (!/^[\x21-\x7e]+$/.test(key)) {
    throw new SongmillError('apiKey holds a space, a line break or another character that no key has');
  }
  return key;
}
