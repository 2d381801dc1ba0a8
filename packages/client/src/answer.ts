/** What came back for one call, with everything the HTTP answer said. */
export interface Answer<T> {
  readonly data: T;
  readonly status: number;
  readonly headers: Headers;
  /** Name it when you report a problem: it is in the server's logs. */
  readonly requestId: string | null;
  /** True when the idempotency key had been used before and this is the record it made then. */
  readonly replayed: boolean;
  /** The key this call carried, null for calls that carry none. */
  readonly idempotencyKey: string | null;
  /** How often the call was sent, from 1. */
  readonly tries: number;
}

/**
 * The promise that every call returns: `await` gives the data, `withResponse()` the whole answer.
 * It is one request either way. A failure that nobody looks at is an unhandled rejection, as usual.
 */
export class AnswerPromise<T> extends Promise<T> {
  readonly #answer: Promise<Answer<T>>;

  constructor(answer: Promise<Answer<T>>) {
    // The inner promise of this object is never looked at: `then` below goes to the answer.
    super(() => {});
    this.#answer = answer;
  }

  /** What `then`, `catch` and `finally` return are plain promises. */
  static override get [Symbol.species](): PromiseConstructor {
    return Promise;
  }

  /** The data together with status, headers, request id and whether it was replayed. */
  withResponse(): Promise<Answer<T>> {
    return this.#answer;
  }

  // oxlint-disable-next-line unicorn/no-thenable -- This is a promise: its `then` goes to the answer.
  override then<A = T, B = never>(
    onFulfilled?: ((value: T) => A | PromiseLike<A>) | null,
    onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.#answer.then((answer) => answer.data).then(onFulfilled, onRejected);
  }
}
