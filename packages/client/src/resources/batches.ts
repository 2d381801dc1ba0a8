import type { Batch, BatchQuote } from '@songmill/shared/contract/batch';
import type { Generation } from '@songmill/shared/contract/generation';
import { AnswerPromise } from '../answer.ts';
import { startDeadline } from '../clock.ts';
import { type Downloaded, pour } from '../download.ts';
import { TimeoutError } from '../errors.ts';
import type { BatchEvent, BatchProgressEvent } from '../event.ts';
import { follow, type FollowOptions } from '../events/follow.ts';
import { type Streamed, streamedOf } from '../events/streamed.ts';
import { linesOf } from '../lines.ts';
import { listPages, type PagePromise } from '../page.ts';
import { type CallOptions, type ClientContext, sendForStream, sendJson } from '../request.ts';
import {
  type BatchInput,
  type BatchSource,
  type ErrorsOptions,
  fileOf,
  type ListBatchesFilters,
  type ResultsOptions,
  type RetryFilter,
  type SubmitOptions,
  submitQueryOf,
  type WaitForBatchOptions,
} from './batch-calls.ts';
import type { Resolution, SpendOptions } from './generation-calls.ts';
import { idPath } from './id-path.ts';

const PATH = '/v1/batches';
/** A whole file goes with the call, and every line of it is judged before the answer. */
const SUBMIT_TIMEOUT_MS = 900_000;

/** Many songs asked for together, from the file to the audio. */
export class Batches {
  readonly #context: ClientContext;

  constructor(context: ClientContext) {
    this.#context = context;
  }

  /** Submits items and options as one JSON body. */
  create(body: BatchInput, options: SpendOptions = {}): AnswerPromise<Batch> {
    const { idempotencyKey = crypto.randomUUID(), timeoutMs = SUBMIT_TIMEOUT_MS } = options;
    return this.#send({ method: 'POST', path: PATH, body, idempotencyKey, options: { ...options, timeoutMs } });
  }

  /**
   * Submits a file or items one by one. Every bad line is found before anything is enqueued: a
   * `ValidationError` names them. Repeated with the same idempotency key it is the same batch.
   */
  submit(source: BatchSource, options: SubmitOptions = {}): AnswerPromise<Batch> {
    const { idempotencyKey = crypto.randomUUID() } = options;
    return this.#upload(source, options, submitQueryOf(options), idempotencyKey);
  }

  /** What submitting would do and cost, without doing it: bad lines are part of the answer. */
  quote(source: BatchSource, options: SubmitOptions = {}): AnswerPromise<BatchQuote> {
    // It makes nothing, so any key makes it safe to repeat.
    return this.#upload(source, options, { ...submitQueryOf(options), dry_run: 'true' }, crypto.randomUUID());
  }

  retrieve(id: string, options?: CallOptions): AnswerPromise<Batch> {
    return this.#send({ method: 'GET', path: idPath(PATH, id), options });
  }

  /** Newest first. */
  list(filters: ListBatchesFilters = {}, options?: CallOptions): PagePromise<Batch> {
    const { status, limit, after: first } = filters;
    const query = { status: status === undefined ? undefined : [status].flat().join(','), limit: limit?.toString() };
    return listPages(
      (after) => sendJson(this.#context, { method: 'GET', path: PATH, query: { ...query, after }, options }),
      first ?? null,
    );
  }

  /** No further call starts; what is under way ends. Sent once, as a repetition would cancel a retry in between. */
  cancel(id: string, options?: CallOptions): AnswerPromise<Batch> {
    return this.#send({ method: 'POST', path: `${idPath(PATH, id)}/cancel`, body: {}, options });
  }

  /** Runs what failed or was canceled again. */
  retry(id: string, filter: RetryFilter = {}, options: SpendOptions = {}): AnswerPromise<Batch> {
    const { idempotencyKey = crypto.randomUUID() } = options;
    return this.#send({ method: 'POST', path: `${idPath(PATH, id)}/retry`, body: filter, idempotencyKey, options });
  }

  /** Says of every item that needs review whether it was charged, and runs it again or gives it up. */
  resolve(id: string, resolution: Resolution, options: SpendOptions = {}): AnswerPromise<Batch> {
    const { idempotencyKey = crypto.randomUUID() } = options;
    const path = `${idPath(PATH, id)}/resolve`;
    return this.#send({ method: 'POST', path, body: resolution, idempotencyKey, options });
  }

  /** Deletes a settled batch with its songs. */
  delete(id: string, options?: CallOptions): AnswerPromise<null> {
    return sendJson(this.#context, { method: 'DELETE', path: idPath(PATH, id), options });
  }

  /** Its progress, the present state first, at most once a second, until it is settled; through lost connections. */
  async *events(
    id: string,
    options: FollowOptions = {},
  ): AsyncGenerator<Streamed<BatchEvent | BatchProgressEvent>, void, undefined> {
    const path = `${idPath(PATH, id)}/events`;
    const isLast = ({ event }: { event: string }) => event !== 'batch.progress' && event !== 'reset';
    for await (const message of follow(this.#context, { path }, options, isLast)) {
      if (message.event !== 'reset') yield streamedOf(message);
    }
  }

  /**
   * Waits until every song is settled, in whatever way: look at `status` and `counts`. `timeoutMs` is
   * for the whole wait, none by default; it ends with a `TimeoutError` and leaves the batch alone.
   */
  async wait(id: string, options: WaitForBatchOptions = {}): Promise<Batch> {
    const deadline = startDeadline(options.timeoutMs, options.signal, () => {
      return new TimeoutError(`${id} was not settled within ${options.timeoutMs} ms`);
    });
    try {
      const { signal } = deadline;
      for await (const { data } of this.events(id, { signal })) options.onUpdate?.(data);
      // The stream ends when the batch is settled, and what came last may have been before a reconnect.
      return await this.retrieve(id, { signal });
    } finally {
      deadline.clear();
    }
  }

  /** What is settled so far, in input order, still streaming: one generation per line, a table, or the songs. */
  async results(id: string, options: ResultsOptions = {}): Promise<Response> {
    const { format, status, after } = options;
    const query = {
      format,
      status: status === undefined ? undefined : [status].flat().join(','),
      after: after?.toString(),
    };
    const path = `${idPath(PATH, id)}/results`;
    const headers = { accept: '*/*' };
    return (await sendForStream(this.#context, { method: 'GET', path, query, headers, options })).data;
  }

  /** The same, one song after the other. */
  async *items(id: string, options: Omit<ResultsOptions, 'format'> = {}): AsyncGenerator<Generation, void, undefined> {
    const response = await this.results(id, { ...options, format: 'jsonl' });
    for await (const line of linesOf(response, options.signal)) yield JSON.parse(line) as Generation;
  }

  /** Writes the succeeded songs as a zip into a stream and closes it; on any failure the stream is aborted. */
  downloadZip(id: string, writable: WritableStream<Uint8Array>, options: CallOptions = {}): Promise<Downloaded> {
    const query = { format: 'zip' };
    const path = `${idPath(PATH, id)}/results`;
    const call = { method: 'GET', path, query, headers: { accept: '*/*' }, options } as const;
    return pour(() => sendForStream(this.#context, call), writable, options.signal);
  }

  /** What failed or was canceled, as lines that can be submitted again unchanged, still streaming. */
  async errors(id: string, options: ErrorsOptions = {}): Promise<Response> {
    const path = `${idPath(PATH, id)}/errors`;
    const query = { include: options.include };
    const headers = { accept: '*/*' };
    return (await sendForStream(this.#context, { method: 'GET', path, query, headers, options })).data;
  }

  #send(call: Parameters<typeof sendJson>[1]): AnswerPromise<Batch> {
    return sendJson(this.#context, call);
  }

  #upload<T>(
    source: BatchSource,
    { format, timeoutMs = SUBMIT_TIMEOUT_MS, ...options }: SubmitOptions,
    query: Record<string, string | undefined>,
    idempotencyKey: string,
  ): AnswerPromise<T> {
    const call = { method: 'POST', path: PATH, query, idempotencyKey, options: { ...options, timeoutMs } } as const;
    const answer = fileOf(source, format).then((file) => sendJson<T>(this.#context, { ...call, file }).withResponse());
    return new AnswerPromise(answer);
  }
}
