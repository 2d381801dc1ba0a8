import type { IncomingMessage } from 'node:http';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { Call } from '../context.ts';
import { ProblemError } from '../errors.ts';
import type { Authenticator } from '../request/auth.ts';
import type { SseStream } from './sse.ts';
import { endWhenRefused } from './still-allowed.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
});
afterEach(() => {
  vi.useRealTimers();
});

it('a stream ends when its key is refused, and not because Redis is away', async () => {
  const req = {} as IncomingMessage;
  const closed = Promise.withResolvers<void>();
  const end = vi.fn<() => void>(() => closed.resolve());
  const stream = { end, closed: closed.promise } as unknown as SseStream;
  const answers = [null, new ProblemError('queue_unavailable', ''), new ProblemError('unauthenticated', '')];
  const authenticate = vi.fn<Authenticator['authenticate']>(async () => {
    const refused = answers.shift();
    if (refused) throw refused;
    return { keyId: 'key_1', project: 'p', scopes: new Set<never>() };
  });
  endWhenRefused({ auth: { authenticate } }, { req } as Call, stream);
  for (let n = 1; n <= 2; n++) {
    vi.advanceTimersByTime(15_000);
    await new Promise((resolve) => setImmediate(resolve));
    expect([authenticate.mock.calls.length, end.mock.calls.length]).toEqual([n, 0]);
  }
  vi.advanceTimersByTime(15_000);
  await closed.promise;
  expect(authenticate).toHaveBeenLastCalledWith(req);
  await new Promise((resolve) => setImmediate(resolve));
  expect(vi.getTimerCount()).toBe(0);
});
