import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import type { Call } from '../context.ts';
import { ClientGone, ProblemError } from '../errors.ts';
import { mustContinue } from '../request/expect-continue.ts';

/** A body on its way in: read once, counted and hashed as it passes. */
export interface ReceivedBody {
  /** @throws ProblemError body_too_large; ClientGone */
  chunks(): AsyncIterable<Uint8Array>;
  /** SHA-256 of the bytes that passed. */
  sha256(): string;
}

/** A length that is announced is judged before the first byte, a body that grows over it as soon as it does. */
export function receiveBody(call: Call, mostBytes: number): ReceivedBody {
  const { req } = call;
  const tooLarge = () => new ProblemError('body_too_large', `the body may have at most ${mostBytes} bytes`);
  if (Number(req.headers['content-length'] ?? 0) > mostBytes) throw tooLarge();
  const hash = createHash('sha256');
  async function* chunks(): AsyncGenerator<Uint8Array> {
    mustContinue(call);
    let bytes = 0;
    try {
      // The answer goes out on the same connection, so stopping early must not end it.
      for await (const chunk of req.iterator({ destroyOnReturn: false })) {
        const piece = chunk as Buffer;
        bytes += piece.length;
        if (bytes > mostBytes) throw tooLarge();
        hash.update(piece);
        yield piece;
      }
    } catch (error) {
      if (error instanceof ProblemError) throw error;
      throw new ClientGone('the caller left while sending');
    } finally {
      // Node reports an abort as an error; without a listener it would end the process.
      req.on('error', () => {});
    }
    if (!req.complete) throw new ClientGone('the caller left while sending');
  }
  return { chunks, sha256: () => hash.digest('hex') };
}

/** The body in a file, so that it can be read more than once. */
export async function receiveToFile(body: ReceivedBody, path: string): Promise<() => AsyncIterable<Uint8Array>> {
  await pipeline(body.chunks(), createWriteStream(path, { flags: 'wx', mode: 0o640 }));
  return () => createReadStream(path);
}
