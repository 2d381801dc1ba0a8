import type { QueueList, QueueState } from '@songmill/shared/contract/queue';
import type { QueueName } from '@songmill/shared/contract/words';
import type { AnswerPromise } from '../answer.ts';
import { type CallOptions, type ClientContext, sendJson } from '../request.ts';
import { idPath } from './id-path.ts';

const PATH = '/v1/queues';

/** What waits, and what stops it. Needs a key with the scope `operate`. */
export class Queues {
  readonly #context: ClientContext;

  constructor(context: ClientContext) {
    this.#context = context;
  }

  list(options?: CallOptions): AnswerPromise<QueueList> {
    return sendJson(this.#context, { method: 'GET', path: PATH, options });
  }

  /** Nothing new starts; what runs goes on. The reason is shown to everybody whose songs wait for it. */
  pause(name: QueueName, reason: string | null = null, options?: CallOptions): AnswerPromise<QueueState> {
    return sendJson(this.#context, { method: 'POST', path: `${idPath(PATH, name)}/pause`, body: { reason }, options });
  }

  /** Lifts the pause, and lets every hold be probed now. */
  resume(name: QueueName, options?: CallOptions): AnswerPromise<QueueState> {
    return sendJson(this.#context, { method: 'POST', path: `${idPath(PATH, name)}/resume`, body: {}, options });
  }
}
