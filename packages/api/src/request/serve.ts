import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Scope } from '@songmill/shared/contract/words';
import { redisTrouble } from '@songmill/shared/runtime/redis-trouble';
import type { ApiContext, Call, Handler } from '../context.ts';
import { ClientGone, ProblemError } from '../errors.ts';
import { queueUnavailable } from '../queue/queue-unavailable.ts';
import { sendProblem } from './answer.ts';
import { demand, NOBODY } from './auth.ts';
import { requestIdOf } from './request-id.ts';

/** What a path leads to. */
export interface Target {
  readonly pattern: string;
  /** null = no key needed. */
  readonly scope: Scope | 'any' | null;
  readonly handle: Handler;
}

const MOST_URL_BYTES = 8192;

/**
 * One request from its first look to its log line: id, size of the URL, key, scope, handler; whatever
 * is thrown becomes a problem answer. The key is judged before a byte of the body is read.
 */
export async function serve(
  ctx: ApiContext,
  target: Target,
  req: IncomingMessage,
  res: ServerResponse,
  params: Readonly<Record<string, string>>,
): Promise<void> {
  const began = performance.now();
  const url = req.url ?? '/';
  const question = url.indexOf('?');
  const about = {
    req,
    res,
    requestId: requestIdOf(req),
    path: (question < 0 ? url : url.slice(0, question)).slice(0, 1024),
    rawQuery: question < 0 ? '' : url.slice(question + 1),
    params,
    pattern: target.pattern,
  };
  let call: Call = { ...about, principal: NOBODY };
  let status: number;
  try {
    if (url.length > MOST_URL_BYTES)
      throw new ProblemError('uri_too_long', `a URL has at most ${MOST_URL_BYTES} bytes`);
    if (target.scope !== null) {
      call = { ...about, principal: await ctx.auth.authenticate(req) };
      if (target.scope !== 'any') demand(call.principal, target.scope);
    }
    await target.handle(ctx, call);
    status = res.statusCode;
  } catch (error) {
    status = answerFailure(ctx, call, error);
  }
  ctx.logger.info(
    {
      method: req.method,
      route: target.pattern,
      status,
      ms: Math.round((performance.now() - began) * 10) / 10,
      request_id: call.requestId,
      key_id: call.principal.keyId,
    },
    'request',
  );
}

/** The status by which nginx' logs, too, name a caller that left. */
const CALLER_LEFT = 499;

function answerFailure(ctx: ApiContext, call: Call, error: unknown): number {
  if (error instanceof ClientGone) {
    call.res.destroy();
    return CALLER_LEFT;
  }
  const problem = asProblem(error, call.req.method);
  const about = { request_id: call.requestId, route: call.pattern };
  if (problem.code === 'internal') ctx.logger.error({ err: error, ...about }, 'unexpected error');
  else if (problem.cause !== undefined) ctx.logger.debug({ err: problem.cause, ...about }, 'refused');
  if (call.res.headersSent) {
    // Half an answer must not look like a whole one.
    call.res.destroy();
    return call.res.statusCode;
  }
  sendProblem(call, problem);
  return call.res.statusCode;
}

function asProblem(error: unknown, method: string | undefined): ProblemError {
  if (error instanceof ProblemError) return error;
  const trouble = redisTrouble(error);
  if (trouble !== null) return queueUnavailable(trouble, method, error);
  return new ProblemError('internal', 'something went wrong here; the request id finds it in the log', {
    cause: error,
  });
}
