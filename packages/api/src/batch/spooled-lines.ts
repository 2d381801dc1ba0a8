import { recordsOf } from '@songmill/shared/contract/batch-records';
import type { ApiContext } from '../context.ts';
import { ProblemError } from '../errors.ts';

/** More than any line may have by any setting that makes sense. */
const MOST_LINE_BYTES = 67_108_864;

/** Opens a file of a batch. @throws ProblemError storage_unavailable, also when it is not there */
export async function openSpool(ctx: ApiContext, key: string): Promise<AsyncIterable<Uint8Array>> {
  const headers = { 'Retry-After': '5' };
  try {
    const file = await ctx.storage.open(key);
    if (file !== null) return file.stream;
  } catch (error) {
    throw new ProblemError('storage_unavailable', 'the storage cannot be reached now', { headers, cause: error });
  }
  throw new ProblemError('storage_unavailable', 'the items of this batch are not in storage', { headers });
}

/** What a file of a batch holds, line by line. */
export async function* spooledLines<Line>(source: AsyncIterable<Uint8Array>): AsyncGenerator<Line> {
  for await (const page of recordsOf(source, { mostBytes: MOST_LINE_BYTES, delimiters: null })) {
    for (const { bytes } of page) {
      if (bytes === null) throw new TypeError('a line of a spooled batch cannot be read');
      yield JSON.parse(Buffer.from(bytes).toString('utf8')) as Line;
    }
  }
}
