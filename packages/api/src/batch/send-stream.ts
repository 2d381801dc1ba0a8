import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Call } from '../context.ts';
import { ClientGone } from '../errors.ts';
import { streamHeaders } from '../request/answer.ts';

/**
 * Answers what is made while it is read, no faster than the caller reads. A caller that leaves ends the
 * making, too. A fault on the way breaks the answer off, so that half of it does not look like all of it.
 */
export async function sendStream(
  call: Call,
  headers: Readonly<Record<string, string>>,
  parts: AsyncIterable<string | Uint8Array>,
): Promise<void> {
  call.res.writeHead(200, { ...streamHeaders(call), 'Cache-Control': 'no-store', ...headers });
  if (call.req.method === 'HEAD') {
    call.res.end();
    return;
  }
  try {
    await pipeline(Readable.from(parts, { objectMode: true, highWaterMark: 1 }), call.res);
  } catch (error) {
    if (call.res.destroyed && (error as NodeJS.ErrnoException).code === 'ERR_STREAM_PREMATURE_CLOSE') {
      throw new ClientGone('the caller left while reading');
    }
    throw error;
  }
}
