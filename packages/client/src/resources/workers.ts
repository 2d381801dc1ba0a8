import type { WorkerList } from '@songmill/shared/contract/worker';
import type { AnswerPromise } from '../answer.ts';
import { type CallOptions, type ClientContext, sendJson } from '../request.ts';

/** The processes that make the calls. Needs a key with the scope `operate`. */
export class Workers {
  readonly #context: ClientContext;

  constructor(context: ClientContext) {
    this.#context = context;
  }

  /** Each with its slots and its last heartbeat. */
  list(options?: CallOptions): AnswerPromise<WorkerList> {
    return sendJson(this.#context, { method: 'GET', path: '/v1/workers', options });
  }
}
