import type { ApiContext, Handler } from '../context.ts';
import express, { type ErrorRequestHandler, type Express, type Request, type Response } from 'express';
import { ProblemError } from '../errors.ts';
import { sendEmpty } from './answer.ts';
import { serve, type Target } from './serve.ts';

interface Row extends Target {
  readonly method: string;
  readonly path: string;
}

/**
 * The table as an Express application. Express finds the row and nothing else: it parses no body and
 * no query, sets no header, and its own error page is never seen.
 */
export function createRouter(ctx: ApiContext, table: readonly Row[]): Express {
  const app = express();
  app.disable('x-powered-by').disable('etag').enable('strict routing').enable('case sensitive routing');
  app.set('query parser', false);
  const methods = new Map<string, string[]>();
  for (const row of table) {
    const path = expressPath(row.path);
    const listener = (req: Request, res: Response) => serve(ctx, row, req, res, req.params as Record<string, string>);
    // Express lets GET rows answer HEAD, too.
    app[row.method.toLowerCase() as 'get' | 'post' | 'patch' | 'delete'](path, listener);
    methods.set(row.path, [...(methods.get(row.path) ?? []), row.method]);
  }
  for (const [path, known] of methods) {
    const allow = [...known, ...(known.includes('GET') ? ['HEAD'] : []), 'OPTIONS'].join(', ');
    const target = { pattern: path, scope: scopeOf(path), handle: otherMethod(allow) };
    app.all(expressPath(path), (req, res) => serve(ctx, target, req, res, {}));
  }
  app.use((req, res) => serve(ctx, { pattern: '(none)', scope: scopeOf(req.path), handle: notFound }, req, res, {}));
  const onError: ErrorRequestHandler = (_error, req, res, _next) =>
    serve(ctx, { pattern: '(none)', scope: scopeOf(req.path), handle: notFound }, req, res, {});
  app.use(onError);
  return app;
}

/** Below /v1 a key comes first, so that nobody without one learns what there is. */
function scopeOf(path: string): 'any' | null {
  return path === '/v1' || path.startsWith('/v1/') ? 'any' : null;
}

function expressPath(path: string): string {
  return path.replaceAll(/\{(\w+)\}/g, ':$1');
}

function otherMethod(allow: string): Handler {
  return (_ctx, call) => {
    if (call.req.method === 'OPTIONS') {
      sendEmpty(call, 204, { Allow: allow });
      return;
    }
    throw new ProblemError('method_not_allowed', `this path takes ${allow}`, { headers: { Allow: allow } });
  };
}

/** Express lands here, too, when a path has a broken percent sign: nothing can be at such a path. */
const notFound: Handler = () => {
  throw new ProblemError('not_found', 'nothing is at this path');
};
