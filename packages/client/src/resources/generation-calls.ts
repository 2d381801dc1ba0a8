import type { GenerationInput } from '@songmill/shared/contract/generation';
import type { GenerationErrorCode, Status } from '@songmill/shared/contract/words';
import type { CallOptions } from '../request.ts';

/** A word this version knows, or one that a newer server may add. */
type Open<Word extends string> = Word | (string & {});

export type { GenerationInput };

export interface SpendOptions extends CallOptions {
  /**
   * 1 to 255 visible ASCII characters. Made automatically; give your own when a later process may
   * have to repeat the call.
   */
  readonly idempotencyKey?: string | undefined;
}

export interface CreateOptions extends SpendOptions {
  /** Seconds the server may hold the answer until the song is settled, at most 60. */
  readonly wait?: number | undefined;
}

export interface RetrieveOptions extends CallOptions {
  /** Seconds the server may hold the answer until the song is settled, at most 60. */
  readonly wait?: number | undefined;
}

export interface RetrieveIfChangedOptions extends RetrieveOptions {
  /** The `etag` header of an earlier answer. */
  readonly ifNoneMatch: string;
}

export interface ListFilters {
  readonly status?: Open<Status> | readonly Open<Status>[] | undefined;
  readonly batch_id?: string | undefined;
  readonly custom_id?: string | undefined;
  readonly error_code?: Open<GenerationErrorCode> | undefined;
  readonly model?: string | undefined;
  readonly created_after?: Date | string | undefined;
  readonly created_before?: Date | string | undefined;
  /** Items per page, 1 to 100, default 20. */
  readonly limit?: number | undefined;
  /** `next_cursor` of a page with the same filters. */
  readonly after?: string | undefined;
}

/** What a person found out about a charge nobody could know, and what to do now. */
export interface Resolution {
  readonly charged: boolean;
  readonly action: 'retry' | 'fail';
}

export interface AudioOptions extends CallOptions {
  /** As in the `Range` header: `bytes=0-65535`. */
  readonly range?: string | undefined;
  readonly ifNoneMatch?: string | undefined;
}

/** The filters as query parameters; what is absent stays absent. */
export function queryOf(filters: ListFilters): Record<string, string | undefined> {
  const { status, created_after, created_before, limit, after: _, ...rest } = filters;
  return {
    ...rest,
    status: typeof status === 'object' ? status.join(',') : status,
    created_after: timeOf(created_after),
    created_before: timeOf(created_before),
    limit: limit?.toString(),
  };
}

function timeOf(time: Date | string | undefined): string | undefined {
  return time instanceof Date ? time.toISOString() : time;
}
