import type { Generation } from '@songmill/shared/contract/generation';
import { type Answer, AnswerPromise } from '../answer.ts';
import { type Downloaded, pour } from '../download.ts';
import type { GenerationEvent } from '../event.ts';
import { follow, type FollowOptions } from '../events/follow.ts';
import { type Streamed, streamedOf } from '../events/streamed.ts';
import { listPages, type PagePromise } from '../page.ts';
import { type Call, type CallOptions, type ClientContext, sendForStream, sendJson } from '../request.ts';
import { isSettled } from '../settled.ts';
import { untilSettled, type WaitOptions } from '../wait.ts';
import {
  type AudioOptions,
  type CreateOptions,
  type GenerationInput,
  type ListFilters,
  queryOf,
  type Resolution,
  type RetrieveIfChangedOptions,
  type RetrieveOptions,
  type SpendOptions,
} from './generation-calls.ts';
import { idPath } from './id-path.ts';

const PATH = '/v1/generations';

export interface GenerateOptions extends WaitOptions {
  readonly idempotencyKey?: string | undefined;
}

/** Songs asked for, from the request to the audio. */
export class Generations {
  readonly #context: ClientContext;

  constructor(context: ClientContext) {
    this.#context = context;
  }

  /** Asks for a song. Repeated with the same idempotency key it is the same song, made and paid once. */
  create(body: GenerationInput, options: CreateOptions = {}): AnswerPromise<Generation> {
    return this.#spend({ method: 'POST', path: PATH, body, wait: options.wait, options });
  }

  /** Reads one record. With `ifNoneMatch` the data is null when nothing but its place in the queue changed. */
  retrieve(id: string, options: RetrieveIfChangedOptions): AnswerPromise<Generation | null>;
  retrieve(id: string, options?: RetrieveOptions): AnswerPromise<Generation>;
  retrieve(id: string, options: RetrieveOptions & { ifNoneMatch?: string } = {}): AnswerPromise<Generation | null> {
    const { ifNoneMatch, wait } = options;
    const headers = { 'if-none-match': ifNoneMatch };
    const alsoFine = ifNoneMatch === undefined ? [] : [304];
    return this.#send({ method: 'GET', path: idPath(PATH, id), headers, alsoFine, wait, options });
  }

  /** Newest first, by batch in input order. `await` gives a page, `for await` every song of every page. */
  list(filters: ListFilters = {}, options?: CallOptions): PagePromise<Generation> {
    const query = queryOf(filters);
    return listPages(
      (after) => sendJson(this.#context, { method: 'GET', path: PATH, query: { ...query, after }, options }),
      filters.after ?? null,
    );
  }

  /**
   * Cancels what is not settled. Never repeated by itself: between two tries somebody may have
   * retried the song, and the repetition would cancel that new run.
   */
  cancel(id: string, options?: CallOptions): AnswerPromise<Generation> {
    return this.#send({ method: 'POST', path: `${idPath(PATH, id)}/cancel`, options });
  }

  /** Starts a new run of a failed or canceled song. */
  retry(id: string, options: SpendOptions = {}): AnswerPromise<Generation> {
    return this.#spend({ method: 'POST', path: `${idPath(PATH, id)}/retry`, options });
  }

  /** Settles a song that needs review: says whether it was charged, and starts a new run or gives up. */
  resolve(id: string, resolution: Resolution, options: SpendOptions = {}): AnswerPromise<Generation> {
    return this.#spend({ method: 'POST', path: `${idPath(PATH, id)}/resolve`, body: resolution, options });
  }

  /** Deletes the audio and the text of a settled song; ids and money stay in the journal. */
  delete(id: string, options?: CallOptions): AnswerPromise<null> {
    return sendJson(this.#context, { method: 'DELETE', path: idPath(PATH, id), options });
  }

  /** The song, still streaming: 200, 206 with `range`, 304 with `ifNoneMatch`. `timeoutMs` ends with the headers. */
  async audio(id: string, options: AudioOptions = {}): Promise<Response> {
    return (await this.#audio(id, options)).data;
  }

  /**
   * Writes the song into a stream and closes it; on any failure the stream is aborted. For a file in
   * Node: `Writable.toWeb(createWriteStream(path))`.
   */
  async download(id: string, writable: WritableStream<Uint8Array>, options: CallOptions = {}): Promise<Downloaded> {
    return pour(() => this.#audio(id, options), writable, options.signal);
  }

  /**
   * Waits until the song is settled, in whatever way: look at `status`. `timeoutMs` is for the whole
   * wait, none by default; it ends with a `TimeoutError` and leaves the song alone.
   */
  wait(id: string, options: WaitOptions = {}): Promise<Generation> {
    return untilSettled((hold, call) => this.retrieve(id, { ...call, wait: hold }), this.#context.pause, id, options);
  }

  /**
   * Its changes of state until it is settled, the present one first, through lost connections and
   * restarts. After `lastEventId` it goes on, with each record as it was then; a state may be left out
   * only when the server no longer keeps it.
   */
  async *events(id: string, options: FollowOptions = {}): AsyncGenerator<Streamed<GenerationEvent>, void, undefined> {
    const path = `${idPath(PATH, id)}/events`;
    const isLast = ({ event }: { event: string }) => isSettled(event.replace(/^generation\./, ''));
    for await (const message of follow(this.#context, { path }, options, isLast)) {
      // After it comes the present state, which is all that a reader of states needs.
      if (message.event !== 'reset') yield streamedOf(message);
    }
  }

  /** Asks for a song and waits until it is settled: `create` and `wait` in one, with one time limit. */
  generate(body: GenerationInput, options: GenerateOptions = {}): Promise<Generation> {
    const { idempotencyKey, ...waitOptions } = options;
    let id: string | null = null;
    const poll = (hold: number, call: CallOptions): AnswerPromise<Generation> => {
      if (id !== null) return this.retrieve(id, { ...call, wait: hold });
      const created = this.create(body, { ...call, idempotencyKey }).withResponse();
      return new AnswerPromise(
        created.then((answer) => {
          id = answer.data.id;
          return answer;
        }),
      );
    };
    return untilSettled(poll, this.#context.pause, null, waitOptions);
  }

  #audio(id: string, options: AudioOptions): Promise<Answer<Response>> {
    const headers = { accept: '*/*', range: options.range, 'if-none-match': options.ifNoneMatch };
    const alsoFine = options.ifNoneMatch === undefined ? [] : [304];
    return sendForStream(this.#context, {
      method: 'GET',
      path: `${idPath(PATH, id)}/audio`,
      headers,
      alsoFine,
      options,
    });
  }

  #send<T extends Generation | null>(call: Call): AnswerPromise<T> {
    return sendJson(this.#context, call);
  }

  #spend(call: Call & { options: SpendOptions }): AnswerPromise<Generation> {
    const { idempotencyKey = crypto.randomUUID() } = call.options;
    return sendJson(this.#context, { ...call, idempotencyKey });
  }
}
