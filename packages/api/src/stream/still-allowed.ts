import type { ApiContext, Call } from '../context.ts';
import { ProblemError } from '../errors.ts';
import type { Authenticator } from '../request/auth.ts';
import type { SseStream } from './sse.ts';

const EVERY_MS = 15_000;

/** The open streams of each key, so that a key is looked up once however many streams it has. */
const streamsOf = new WeakMap<Authenticator, Map<string, Set<SseStream>>>();

/**
 * Ends a stream whose key has been revoked or has expired since it was opened: a stream may last for weeks,
 * and a key is worth nothing from its next request on. Redis being away says nothing about a key.
 */
export function endWhenRefused(
  { auth }: Pick<ApiContext, 'auth'>,
  { req, principal }: Pick<Call, 'req' | 'principal'>,
  stream: SseStream,
): void {
  const keys = streamsOf.get(auth) ?? new Map<string, Set<SseStream>>();
  streamsOf.set(auth, keys);
  const streams = keys.get(principal.keyId);
  if (streams) {
    streams.add(stream);
    void stream.closed.then(() => streams.delete(stream));
    return;
  }
  const first = new Set([stream]);
  keys.set(principal.keyId, first);
  void stream.closed.then(() => first.delete(stream));
  const timer = setInterval(() => {
    if (first.size === 0) {
      clearInterval(timer);
      keys.delete(principal.keyId);
      return;
    }
    auth.authenticate(req).catch((error: unknown) => {
      if (!(error instanceof ProblemError) || error.code !== 'unauthenticated') return;
      for (const each of first) each.end();
    });
  }, EVERY_MS);
  // What is left to look at when nobody listens any more must not hold up a process that ends.
  timer.unref();
}
