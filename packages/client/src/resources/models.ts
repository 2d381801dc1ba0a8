import type { ModelList } from '@songmill/shared/contract/model-list';
import type { AnswerPromise } from '../answer.ts';
import { type CallOptions, type ClientContext, sendJson } from '../request.ts';

/** What a server can make songs with. */
export class Models {
  readonly #context: ClientContext;

  constructor(context: ClientContext) {
    this.#context = context;
  }

  /** Every model with its limits, its price and what holds it. */
  list(options?: CallOptions): AnswerPromise<ModelList> {
    return sendJson(this.#context, { method: 'GET', path: '/v1/models', options });
  }
}
