import type { Answer } from './answer.ts';
import { BadResponseError, ConnectionError } from './errors.ts';

export interface Downloaded {
  readonly bytes: number;
  readonly contentType: string | null;
  readonly etag: string | null;
  readonly requestId: string | null;
}

/**
 * Writes an answer's body into a stream, waiting whenever the stream is full. A body that breaks off
 * or is shorter than announced is a ConnectionError, so a file that was closed is whole.
 */
export async function pour(
  open: () => Promise<Answer<Response>>,
  writable: WritableStream<Uint8Array>,
  signal: AbortSignal | undefined,
): Promise<Downloaded> {
  const writer = writable.getWriter();
  try {
    const { data: response, requestId } = await open();
    if (!response.body) throw new BadResponseError('the answer has no body');
    const bytes = await copy(response.body, writer, signal);
    const announced = response.headers.get('content-length');
    // With a content encoding the announced length is that of the encoded bytes.
    if (announced !== null && !response.headers.has('content-encoding') && Number(announced) !== bytes) {
      throw new ConnectionError(`the song broke off after ${bytes} of ${announced} bytes`);
    }
    await writer.close();
    return {
      bytes,
      contentType: response.headers.get('content-type'),
      etag: response.headers.get('etag'),
      requestId,
    };
  } catch (error) {
    // The first error is the one to tell; a stream that has already failed may refuse the abort.
    await writer.abort(error).catch(() => {});
    throw error;
  } finally {
    writer.releaseLock();
  }
}

async function copy(
  body: ReadableStream<Uint8Array>,
  writer: WritableStreamDefaultWriter<Uint8Array>,
  signal: AbortSignal | undefined,
): Promise<number> {
  const reader = body.getReader();
  let bytes = 0;
  try {
    for (;;) {
      await writer.ready;
      const { done, value } = await reader.read().catch((cause: unknown) => {
        signal?.throwIfAborted();
        throw new ConnectionError(`the song broke off after ${bytes} bytes`, { cause });
      });
      if (done) return bytes;
      bytes += value.byteLength;
      // Not awaited: `ready` above keeps pace, and a failed write makes the next `ready` reject.
      writer.write(value).catch(() => {});
    }
  } catch (error) {
    // Stops the transfer when the stream is what failed; one that has broken off may refuse.
    await reader.cancel(error).catch(() => {});
    throw error;
  }
}
