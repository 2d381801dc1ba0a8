import { type Answer, AnswerPromise } from './answer.ts';

/** One page as the API sends it. */
export interface PageBody<T> {
  readonly data: T[];
  readonly has_more: boolean;
  readonly next_cursor: string | null;
}

/** Fetches the page that begins after a cursor, null = the first one, with the same filters. */
export type FetchPage<T> = (after: string | null) => AnswerPromise<PageBody<T>>;

/** One page of a list. Iterating over it goes on through all later pages, each fetched when it is reached. */
export class Page<T> implements AsyncIterable<T>, PageBody<T> {
  readonly data: T[];
  readonly has_more: boolean;
  readonly next_cursor: string | null;
  readonly #fetchPage: FetchPage<T>;

  constructor(body: PageBody<T>, fetchPage: FetchPage<T>) {
    this.data = body.data;
    this.has_more = body.has_more;
    this.next_cursor = body.next_cursor;
    this.#fetchPage = fetchPage;
  }

  /** The next page, or null after the last. A page may be empty and still have a next one. */
  async next(): Promise<Page<T> | null> {
    if (!this.has_more || this.next_cursor === null) return null;
    return new Page(await this.#fetchPage(this.next_cursor), this.#fetchPage);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    yield* this.data;
    for (let page = await this.next(); page; page = await page.next()) yield* page.data;
  }
}

/** `await` gives the first page, `for await` every item of every page. */
export class PagePromise<T> extends AnswerPromise<Page<T>> implements AsyncIterable<T> {
  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    yield* await this;
  }
}

/** Starts a list with its first page. */
export function listPages<T>(fetchPage: FetchPage<T>, after: string | null): PagePromise<T> {
  const first = fetchPage(after).withResponse();
  const page = first.then((answer): Answer<Page<T>> => ({ ...answer, data: new Page(answer.data, fetchPage) }));
  return new PagePromise(page);
}
