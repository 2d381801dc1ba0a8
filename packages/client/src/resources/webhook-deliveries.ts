import type { DeliveryStatus, WebhookDelivery } from '@songmill/shared/contract/webhook';
import type { AnswerPromise } from '../answer.ts';
import { listPages, type PagePromise } from '../page.ts';
import { type CallOptions, type ClientContext, sendJson } from '../request.ts';
import { idPath } from './id-path.ts';

const PATH = '/v1/webhook-deliveries';

export interface ListDeliveriesFilters {
  readonly status?: DeliveryStatus | readonly DeliveryStatus[] | undefined;
  readonly event_id?: string | undefined;
  readonly endpoint_id?: string | undefined;
  readonly generation_id?: string | undefined;
  readonly batch_id?: string | undefined;
  /** Items per page, 1 to 100, default 20. */
  readonly limit?: number | undefined;
  /** `next_cursor` of a page with the same filters. */
  readonly after?: string | undefined;
}

/** Events on their way to URLs, with every attempt. */
export class WebhookDeliveries {
  readonly #context: ClientContext;

  constructor(context: ClientContext) {
    this.#context = context;
  }

  /** Newest first. */
  list(filters: ListDeliveriesFilters = {}, options?: CallOptions): PagePromise<WebhookDelivery> {
    const { status, limit, after: first, ...ids } = filters;
    const query = {
      ...ids,
      status: status === undefined ? undefined : [status].flat().join(','),
      limit: limit?.toString(),
    };
    return listPages(
      (after) => sendJson(this.#context, { method: 'GET', path: PATH, query: { ...query, after }, options }),
      first ?? null,
    );
  }

  retrieve(id: string, options?: CallOptions): AnswerPromise<WebhookDelivery> {
    return sendJson(this.#context, { method: 'GET', path: idPath(PATH, id), options });
  }

  /** The same bytes under the same id again, now. */
  redeliver(id: string, options?: CallOptions): AnswerPromise<WebhookDelivery> {
    return sendJson(this.#context, { method: 'POST', path: `${idPath(PATH, id)}/redeliver`, body: {}, options });
  }
}
