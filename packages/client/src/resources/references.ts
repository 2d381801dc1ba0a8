import type { Purpose, Reference } from '@songmill/shared/contract/reference';
import type { AnswerPromise } from '../answer.ts';
import { startDeadline } from '../clock.ts';
import { TimeoutError } from '../errors.ts';
import { listPages, type PagePromise } from '../page.ts';
import { type CallOptions, type ClientContext, sendJson } from '../request.ts';
import { retryAfterMs } from '../retry-timing.ts';
import type { SpendOptions } from './generation-calls.ts';
import { idPath } from './id-path.ts';

const PATH = '/v1/references';
/** A whole file goes with the call. */
const UPLOAD_TIMEOUT_MS = 300_000;
const DEFAULT_RETRY_AFTER_MS = 1000;

export interface ReferenceInput {
  /** A `File` brings its name. For a file on disk in Node: `await openAsBlob(path)`, which is read as it is sent. */
  readonly file: Blob;
  /** `song` gives both ids, the others one each. */
  readonly purpose: Purpose;
  /** Shown in lists. Default: the name of the `File`, else `file`. */
  readonly filename?: string | undefined;
}

export interface ListReferencesFilters {
  /** 1 to 100, default 20. */
  readonly limit?: number | undefined;
  readonly after?: string | undefined;
}

export interface WaitForReferenceOptions {
  readonly signal?: AbortSignal | undefined;
  /** Limit for the whole wait in milliseconds; none by default. */
  readonly timeoutMs?: number | undefined;
}

/** Uploaded voices and instrumentals, which songs refer to. */
export class References {
  readonly #context: ClientContext;

  constructor(context: ClientContext) {
    this.#context = context;
  }

  /** Uploads a wav or mp3 file. Songs may name the reference at once; they wait until it has its ids. */
  upload(input: ReferenceInput, options: SpendOptions = {}): AnswerPromise<Reference> {
    const { idempotencyKey = crypto.randomUUID(), timeoutMs = UPLOAD_TIMEOUT_MS } = options;
    const form = new FormData();
    form.set('purpose', input.purpose);
    const own = 'name' in input.file && typeof input.file.name === 'string' ? input.file.name : undefined;
    form.set('file', input.file, input.filename ?? own ?? 'file');
    return this.#send({ method: 'POST', path: PATH, form, idempotencyKey, options: { ...options, timeoutMs } });
  }

  retrieve(id: string, options?: CallOptions): AnswerPromise<Reference> {
    return this.#send({ method: 'GET', path: idPath(PATH, id), options });
  }

  /** Newest first. */
  list(filters: ListReferencesFilters = {}, options?: CallOptions): PagePromise<Reference> {
    const query = { limit: filters.limit?.toString() };
    return listPages(
      (after) => sendJson(this.#context, { method: 'GET', path: PATH, query: { ...query, after }, options }),
      filters.after ?? null,
    );
  }

  /** Uploads a settled reference again; it gets new ids. */
  retry(id: string, options: SpendOptions = {}): AnswerPromise<Reference> {
    const { idempotencyKey = crypto.randomUUID() } = options;
    return this.#send({ method: 'POST', path: `${idPath(PATH, id)}/retry`, idempotencyKey, options });
  }

  /** Deletes record and file. Refused while it is uploaded or songs wait for it. */
  delete(id: string, options?: CallOptions): AnswerPromise<null> {
    return sendJson(this.#context, { method: 'DELETE', path: idPath(PATH, id), options });
  }

  /** Waits until it is `succeeded` or `failed`: look at `status`. */
  async wait(id: string, options: WaitForReferenceOptions = {}): Promise<Reference> {
    const deadline = startDeadline(options.timeoutMs, options.signal, () => {
      return new TimeoutError(`${id} was not settled within ${options.timeoutMs} ms`);
    });
    try {
      for (;;) {
        const { data, headers } = await this.retrieve(id, { signal: deadline.signal }).withResponse();
        if (data.status === 'succeeded' || data.status === 'failed') return data;
        await this.#context.pause(retryAfterMs(headers) ?? DEFAULT_RETRY_AFTER_MS, deadline.signal);
      }
    } finally {
      deadline.clear();
    }
  }

  #send(call: Parameters<typeof sendJson>[1]): AnswerPromise<Reference> {
    return sendJson(this.#context, call);
  }
}
