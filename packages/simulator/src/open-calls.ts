import type { ServerResponse } from 'node:http';

/** One HTTP exchange from its first byte to the end of its handler, which may outlive the client. */
export interface OpenCall {
  readonly response: ServerResponse;
  /** The client left before the answer was complete. */
  gone: boolean;
  /** Ends the present wait at once; null while there is none. */
  hurry: (() => void) | null;
  /** The present wait ends when the simulator stops, because nothing else would end it soon. */
  hurried: 'when_gone' | 'when_stopping';
}

/** The calls in hand. Stopping waits for those with a client; what nobody waits for is finished at once. */
export class OpenCalls {
  #calls = new Set<OpenCall>();
  #handlers = new Set<Promise<void>>();
  #stopping = false;
  #most = 0;

  get stopping(): boolean {
    return this.#stopping;
  }

  /** Calls whose client is still connected, now and at most. */
  view(): { open_calls: number; max_open_calls_seen: number } {
    return { open_calls: [...this.#calls].filter((call) => !call.gone).length, max_open_calls_seen: this.#most };
  }

  /** Runs a handler for a new exchange and keeps track of both. */
  run(response: ServerResponse, handler: (call: OpenCall) => Promise<void>): void {
    const call: OpenCall = { response, gone: false, hurry: null, hurried: 'when_gone' };
    this.#calls.add(call);
    this.#most = Math.max(this.#most, this.#calls.size);
    response.once('close', () => {
      call.gone = !response.writableFinished;
      if (this.#stopping || call.hurried === 'when_stopping') call.hurry?.();
    });
    const handled = handler(call).finally(() => {
      this.#calls.delete(call);
      this.#handlers.delete(handled);
    });
    this.#handlers.add(handled);
  }

  /** Resolves after `ms`, or when the simulator stops and nobody waits for this call. */
  async wait(call: OpenCall, ms: number): Promise<void> {
    if (ms <= 0 || (this.#stopping && call.gone)) return;
    await this.#hurryable(call, 'when_gone', ms);
  }

  /** Resolves when the client has left, or when the simulator stops. */
  async waitUntilGone(call: OpenCall): Promise<void> {
    if (call.gone || this.#stopping) return;
    await this.#hurryable(call, 'when_stopping', null);
  }

  /** Lets every open call end; resolves when all handlers have. */
  async stop(): Promise<void> {
    this.#stopping = true;
    for (const call of this.#calls) if (call.gone || call.hurried === 'when_stopping') call.hurry?.();
    while (this.#handlers.size > 0) await Promise.allSettled(this.#handlers);
  }

  async #hurryable(call: OpenCall, hurried: OpenCall['hurried'], ms: number | null): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      call.hurry = resolve;
      call.hurried = hurried;
      if (ms !== null) timer = setTimeout(resolve, ms);
    });
    clearTimeout(timer);
    call.hurry = null;
    call.hurried = 'when_gone';
  }
}
