import type {
  BulkAction,
  BulkQuote,
  DeliveryFilter,
  GenerationFilter,
  ResolveParams,
} from '@songmill/shared/contract/bulk-action';
import type { AnswerPromise } from '../answer.ts';
import { listPages, type PagePromise } from '../page.ts';
import { type CallOptions, type ClientContext, sendJson } from '../request.ts';
import type { SpendOptions } from './generation-calls.ts';
import { idPath } from './id-path.ts';

const PATH = '/v1/bulk-actions';

/** What to do, to what: a filter as lists have them, never empty. */
export type BulkActionInput =
  | { readonly action: 'retry' | 'cancel'; readonly filter: GenerationFilter }
  | { readonly action: 'resolve'; readonly filter: GenerationFilter; readonly params: ResolveParams }
  | { readonly action: 'redeliver'; readonly filter: DeliveryFilter };

/** Acts on everything that a filter matches. Needs a key with the scope `operate`. */
export class BulkActions {
  readonly #context: ClientContext;

  constructor(context: ClientContext) {
    this.#context = context;
  }

  create(body: BulkActionInput, options: SpendOptions = {}): AnswerPromise<BulkAction> {
    const { idempotencyKey = crypto.randomUUID() } = options;
    return sendJson(this.#context, { method: 'POST', path: PATH, body, idempotencyKey, options });
  }

  /** How many it would touch and what that may cost, without doing it. */
  quote(body: BulkActionInput, options?: CallOptions): AnswerPromise<BulkQuote> {
    const idempotencyKey = crypto.randomUUID();
    const call = { method: 'POST', path: PATH, body: { ...body, dry_run: true }, idempotencyKey, options } as const;
    return sendJson(this.#context, call);
  }

  retrieve(id: string, options?: CallOptions): AnswerPromise<BulkAction> {
    return sendJson(this.#context, { method: 'GET', path: idPath(PATH, id), options });
  }

  /** Newest first. */
  list(filters: { limit?: number; after?: string } = {}, options?: CallOptions): PagePromise<BulkAction> {
    const query = { limit: filters.limit?.toString() };
    return listPages(
      (after) => sendJson(this.#context, { method: 'GET', path: PATH, query: { ...query, after }, options }),
      filters.after ?? null,
    );
  }

  /** Stops it where it is; what is done stays done. */
  cancel(id: string, options?: CallOptions): AnswerPromise<BulkAction> {
    return sendJson(this.#context, { method: 'POST', path: `${idPath(PATH, id)}/cancel`, body: {}, options });
  }
}
