import type { IncomingMessage } from 'node:http';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
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

const principal = { keyId: 'key_1', project: 'p', scopes: new Set<never>() };
const settled = () => new Promise((resolve) => setImmediate(resolve));

function openStream() {
  const closed = Promise.withResolvers<void>();
  const end = vi.fn<() => void>(() => closed.resolve());
  return { end, stream: { end, closed: closed.promise } as unknown as SseStream };
}

it('streams end when their key is refused, and not because Redis is away; many of one key cost one look', async () => {
  const req = {} as IncomingMessage;
  const answers = [null, new ProblemError('queue_unavailable', ''), new ProblemError('unauthenticated', '')];
  const authenticate = vi.fn<Authenticator['authenticate']>(async () => {
    const refused = answers.shift();
    if (refused) throw refused;
    return principal;
  });
  const auth = { authenticate };
  const streams = Array.from({ length: 3 }, openStream);
  for (const { stream } of streams) endWhenRefused({ auth }, { req, principal }, stream);
  for (let n = 1; n <= 2; n++) {
    vi.advanceTimersByTime(15_000);
    await settled();
    expect(authenticate).toHaveBeenCalledTimes(n);
    for (const { end } of streams) expect(end).not.toHaveBeenCalled();
  }
  vi.advanceTimersByTime(15_000);
  await settled();
  expect(authenticate).toHaveBeenLastCalledWith(req);
  for (const { end } of streams) expect(end).toHaveBeenCalledOnce();
  // With no stream left the next look is the last.
  vi.advanceTimersByTime(15_000);
  expect([authenticate.mock.calls.length, vi.getTimerCount()]).toEqual([3, 0]);
});
