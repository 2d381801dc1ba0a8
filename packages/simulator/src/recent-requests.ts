/** One received call as `GET /_sim/requests` shows it. */
export interface RecordedRequest {
  readonly call: string;
  readonly at: string;
  readonly path: string;
  readonly key: string | null;
  readonly content_type: string | null;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** The `lyrics` bytes as they were on the wire, base64; null when there were none. */
  readonly lyrics_base64: string | null;
  readonly fields: Readonly<Record<string, unknown>>;
  readonly files: readonly { name: string; filename: string; content_type: string; bytes: number }[];
}

/** The newest calls; the oldest makes room for the next. Views are made only when asked for. */
export class RecentRequests {
  #ring: (() => RecordedRequest)[] = [];
  #next = 0;
  #capacity: number;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  add(view: () => RecordedRequest): void {
    this.#ring[this.#next] = view;
    this.#next = (this.#next + 1) % this.#capacity;
  }

  /** Oldest first. */
  list(): RecordedRequest[] {
    return [...this.#ring.slice(this.#next), ...this.#ring.slice(0, this.#next)].map((view) => view());
  }
}
