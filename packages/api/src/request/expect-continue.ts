import type { IncomingMessage } from 'node:http';
import type { Call } from '../context.ts';

/**
 * Callers that send `Expect: 100-continue` wait for a word before they send the body. We say it
 * only once we want the body, so that a refused key or an announced size costs no upload.
 */
const waiting = new WeakSet<IncomingMessage>();

export function expectsContinue(req: IncomingMessage): void {
  waiting.add(req);
}

export function mustContinue(call: Pick<Call, 'req' | 'res'>): void {
  if (waiting.delete(call.req)) call.res.writeContinue();
}
