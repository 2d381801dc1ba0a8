import type { ApiKey } from '@songmill/shared/contract/api-key';
import type { Scope } from '@songmill/shared/contract/words';
import type { AnswerPromise } from '../answer.ts';
import { listPages, type PagePromise } from '../page.ts';
import { type CallOptions, type ClientContext, sendJson } from '../request.ts';
import { idPath } from './id-path.ts';

const PATH = '/v1/api-keys';

export interface ApiKeyInput {
  readonly name: string;
  /** Default `default`. */
  readonly project?: string | undefined;
  /** Default `['generate']`. */
  readonly scopes?: readonly Scope[] | undefined;
  /** RFC 3339; null or absent = never. */
  readonly expires_at?: string | null | undefined;
}

export interface CreateKeyOptions extends CallOptions {
  readonly idempotencyKey?: string | undefined;
}

export interface ListKeysFilters {
  /** 1 to 100, default 20. */
  readonly limit?: number | undefined;
  readonly after?: string | undefined;
}

/** The keys that may call this server. Needs a key with the scope `admin`. */
export class ApiKeys {
  readonly #context: ClientContext;

  constructor(context: ClientContext) {
    this.#context = context;
  }

  /** Makes a key. `key` is in this answer only, and not in a replayed one (`withResponse().replayed`). */
  create(body: ApiKeyInput, options: CreateKeyOptions = {}): AnswerPromise<ApiKey> {
    const { idempotencyKey = crypto.randomUUID() } = options;
    return sendJson(this.#context, { method: 'POST', path: PATH, body, idempotencyKey, options });
  }

  /** Newest first. */
  list(filters: ListKeysFilters = {}, options?: CallOptions): PagePromise<ApiKey> {
    const query = { limit: filters.limit?.toString() };
    return listPages(
      (after) => sendJson(this.#context, { method: 'GET', path: PATH, query: { ...query, after }, options }),
      filters.after ?? null,
    );
  }

  /** Revokes a key. */
  delete(id: string, options?: CallOptions): AnswerPromise<null> {
    return sendJson(this.#context, { method: 'DELETE', path: idPath(PATH, id), options });
  }
}
