import type { Call } from '../context.ts';
import { ClientGone, ProblemError } from '../errors.ts';
import { mustContinue } from './expect-continue.ts';

/** What a Content-Type header says, as far as we go by it. */
export interface MediaType {
  /** `type/subtype` in lower case. */
  readonly essence: string;
  readonly raw: string;
}

/**
 * The media type of the body.
 * @throws ProblemError unsupported_media_type: none given, a charset other than UTF-8, or an encoded body
 */
export function mediaTypeOf(call: Call, allowed: readonly string[]): MediaType {
  const raw = call.req.headers['content-type'] ?? '';
  const [first = '', ...parameters] = raw.split(';');
  const essence = first.trim().toLowerCase();
  const list = allowed.join(' or ');
  if (!allowed.includes(essence)) {
    throw new ProblemError('unsupported_media_type', `send ${list}${essence ? `, not ${printable(essence)}` : ''}`);
  }
  for (const parameter of parameters) {
    const [name = '', value = ''] = parameter.split('=');
    const charset = value.trim().replace(/^"(.*)"$/, '$1');
    if (name.trim().toLowerCase() === 'charset' && charset.toLowerCase() !== 'utf-8') {
      throw new ProblemError('unsupported_media_type', 'the only charset is utf-8');
    }
  }
  refuseEncodedBody(call);
  return { essence, raw };
}

export function refuseEncodedBody(call: Call): void {
  const encoding = call.req.headers['content-encoding'];
  if (encoding !== undefined && encoding.trim().toLowerCase() !== 'identity') {
    throw new ProblemError('unsupported_media_type', 'the body must not have a Content-Encoding');
  }
}

/** True when the request comes with a body, even one of length 0 sent in chunks. */
export function hasBody(call: Call): boolean {
  return call.req.headers['transfer-encoding'] !== undefined || Number(call.req.headers['content-length'] ?? 0) > 0;
}

/**
 * Collects the body. More than `limit` bytes are never held: a length that is announced is refused
 * before the first byte, a body that grows over it as soon as it does.
 *
 * @throws ProblemError body_too_large
 * @throws ClientGone when the connection ends first
 */
export function readBody(call: Call, limit: number): Promise<Buffer> {
  const { req } = call;
  const tooLarge = () => new ProblemError('body_too_large', `the body may have at most ${limit} bytes`);
  if (Number(req.headers['content-length'] ?? 0) > limit) return Promise.reject(tooLarge());
  mustContinue(call);
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const settle = (outcome: () => void): void => {
      req.off('data', onData).off('end', onEnd).off('error', onGone).off('close', onGone);
      // Node reports an abort as an error; without a listener it would end the process.
      req.on('error', () => {});
      outcome();
    };
    const onData = (chunk: Buffer): void => {
      bytes += chunk.length;
      if (bytes > limit) settle(() => reject(tooLarge()));
      else chunks.push(chunk);
    };
    const onEnd = (): void =>
      settle(() => resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)));
    const onGone = (): void => settle(() => reject(new ClientGone('the caller left while sending')));
    req.on('data', onData).on('end', onEnd).on('error', onGone).on('close', onGone);
  });
}

function printable(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]/g, '?').slice(0, 100);
}
