import type { AnswerPromise } from '../answer.ts';
import { type CallOptions, type ClientContext, sendJson } from '../request.ts';
import { overlapOf, type RotateOptions } from './webhook-endpoints.ts';

const PATH = '/v1/webhook-secret';

interface WebhookSecretAnswer {
  readonly secret: string;
}

/** What signs webhooks to the URLs that songs of the key's project name themselves. Needs the scope `generate`. */
export class WebhookSecret {
  readonly #context: ClientContext;

  constructor(context: ClientContext) {
    this.#context = context;
  }

  retrieve(options?: CallOptions): AnswerPromise<WebhookSecretAnswer> {
    return sendJson(this.#context, { method: 'GET', path: PATH, options });
  }

  rotate(options: RotateOptions = {}): AnswerPromise<WebhookSecretAnswer> {
    return sendJson(this.#context, { method: 'POST', path: `${PATH}/rotate`, body: overlapOf(options), options });
  }
}
