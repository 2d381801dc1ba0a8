import type { AnswerPromise } from '../answer.ts';
import { type CallOptions, type ClientContext, sendJson } from '../request.ts';

/** What `/readyz` and `/livez` say; `/readyz` names each dependency and its state. */
export interface HealthReport {
  readonly status?: string;
  readonly [name: string]: unknown;
}

/** Whether a server is up. Needs no API key, and never retries: the answer is about now. */
export class Health {
  readonly #context: ClientContext;

  constructor(context: ClientContext) {
    this.#context = { ...context, apiKey: null, maxRetries: 0 };
  }

  /** The process answers. */
  live(options?: CallOptions): AnswerPromise<HealthReport> {
    return sendJson(this.#context, { method: 'GET', path: '/livez', options });
  }

  /**
   * Whether the server can take work. Not being ready is an answer and no error: the status is 503
   * (`withResponse()`) and the report names what is missing.
   */
  ready(options?: CallOptions): AnswerPromise<HealthReport> {
    return sendJson(this.#context, { method: 'GET', path: '/readyz', alsoFine: [503], options });
  }
}
