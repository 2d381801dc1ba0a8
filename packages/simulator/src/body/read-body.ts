import type { IncomingMessage } from 'node:http';

/** Reads a request's body; `too_large` drains the rest, so that the client can still read an answer. */
export async function readBody(
  request: IncomingMessage,
  maxBytes: number,
): Promise<{ kind: 'body'; bytes: Buffer } | { kind: 'too_large' } | { kind: 'cut' }> {
  const chunks: Buffer[] = [];
  let size = 0;
  return new Promise((resolve) => {
    request.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size <= maxBytes) chunks.push(chunk);
      else chunks.length = 0;
    });
    request.once('end', () => {
      if (size > maxBytes) resolve({ kind: 'too_large' });
      else resolve({ kind: 'body', bytes: chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks) });
    });
    request.once('error', () => resolve({ kind: 'cut' }));
    request.once('close', () => resolve({ kind: 'cut' }));
  });
}
