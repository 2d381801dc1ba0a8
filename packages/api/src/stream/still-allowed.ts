import type { ApiContext, Call } from '../context.ts';
import { ProblemError } from '../errors.ts';
import type { SseStream } from './sse.ts';

const EVERY_MS = 15_000;

/**
 * Ends a stream whose key has been revoked or has expired since it was opened: a stream may last for weeks,
 * and a key is worth nothing from its next request on. Redis being away says nothing about a key.
 */
export function endWhenRefused({ auth }: Pick<ApiContext, 'auth'>, { req }: Call, stream: SseStream): void {
  const timer = setInterval(() => {
    auth.authenticate(req).catch((error: unknown) => {
      if (error instanceof ProblemError && error.code === 'unauthenticated') stream.end();
    });
  }, EVERY_MS);
  void stream.closed.then(() => clearInterval(timer));
}
