import type { EVENT_TYPES } from '@songmill/shared/contract/event';
import type { WebhookDelivery, WebhookEndpoint } from '@songmill/shared/contract/webhook';
import type { AnswerPromise } from '../answer.ts';
import { listPages, type PagePromise } from '../page.ts';
import { type CallOptions, type ClientContext, sendJson } from '../request.ts';
import type { SpendOptions } from './generation-calls.ts';
import { idPath } from './id-path.ts';

const PATH = '/v1/webhook-endpoints';

export interface EndpointInput {
  /** https and public, unless the server allows others. */
  readonly url: string;
  /** Default: how songs, batches and references end. */
  readonly events?: readonly (typeof EVENT_TYPES)[number][] | undefined;
  readonly description?: string | undefined;
  readonly enabled?: boolean | undefined;
}

export interface RotateOptions extends CallOptions {
  /** For how long the old secret signs beside the new one, at most 168. Default 24. */
  readonly overlapHours?: number | undefined;
}

export interface Recovery {
  readonly since: Date | string;
  /** Default: now. */
  readonly until?: Date | string | undefined;
  /** Only say how many. */
  readonly dryRun?: boolean | undefined;
}

/** URLs that are told what happens in the key's project. */
export class WebhookEndpoints {
  readonly #context: ClientContext;

  constructor(context: ClientContext) {
    this.#context = context;
  }

  /** `secret` is in this answer only, and not in a replayed one (`withResponse().replayed`). */
  create(body: EndpointInput, options: SpendOptions = {}): AnswerPromise<WebhookEndpoint> {
    const { idempotencyKey = crypto.randomUUID() } = options;
    return sendJson(this.#context, { method: 'POST', path: PATH, body, idempotencyKey, options });
  }

  retrieve(id: string, options?: CallOptions): AnswerPromise<WebhookEndpoint> {
    return sendJson(this.#context, { method: 'GET', path: idPath(PATH, id), options });
  }

  /** Newest first. */
  list(filters: { limit?: number; after?: string } = {}, options?: CallOptions): PagePromise<WebhookEndpoint> {
    const query = { limit: filters.limit?.toString() };
    return listPages(
      (after) => sendJson(this.#context, { method: 'GET', path: PATH, query: { ...query, after }, options }),
      filters.after ?? null,
    );
  }

  /** What is left out stays. `enabled: true` says that it works again. */
  update(id: string, change: Partial<EndpointInput>, options?: CallOptions): AnswerPromise<WebhookEndpoint> {
    return sendJson(this.#context, { method: 'PATCH', path: idPath(PATH, id), body: change, options });
  }

  /** What waits for it is canceled. */
  delete(id: string, options?: CallOptions): AnswerPromise<null> {
    return sendJson(this.#context, { method: 'DELETE', path: idPath(PATH, id), options });
  }

  /** Makes a new `secret`, which is in this answer only. */
  rotateSecret(id: string, options: RotateOptions = {}): AnswerPromise<WebhookEndpoint> {
    const path = `${idPath(PATH, id)}/rotate-secret`;
    return sendJson(this.#context, { method: 'POST', path, body: overlapOf(options), options });
  }

  /** Has a `ping` sent. */
  test(id: string, options?: CallOptions): AnswerPromise<WebhookDelivery> {
    return sendJson(this.#context, { method: 'POST', path: `${idPath(PATH, id)}/test`, body: {}, options });
  }

  /** Has what failed or was canceled in a span of time sent again, under the same ids. */
  recover(
    id: string,
    { since, until, dryRun = false }: Recovery,
    options?: CallOptions,
  ): AnswerPromise<{ readonly matched: number }> {
    const body = { since: timeOf(since), ...(until === undefined ? {} : { until: timeOf(until) }), dry_run: dryRun };
    return sendJson(this.#context, { method: 'POST', path: `${idPath(PATH, id)}/recover`, body, options });
  }
}

export function overlapOf({ overlapHours }: RotateOptions): { overlap_hours?: number } {
  return overlapHours === undefined ? {} : { overlap_hours: overlapHours };
}

function timeOf(time: Date | string): string {
  return typeof time === 'string' ? time : time.toISOString();
}
