import type { ServerResponse } from 'node:http';
import { PROBLEM_STATUS, type ProblemCode } from '@songmill/shared/contract/words';
import type { Call } from '../context.ts';
import { ProblemError, WIRE_STATUS, type WireCode } from '../errors.ts';
import { PROBLEM_TEXTS } from './problem-texts.ts';

type Headers = Readonly<Record<string, string | number>>;

/**
 * On every answer. They never change, so they are one object and not middleware that sets them one
 * by one: that alone costs several per cent of a small request.
 */
const SECURITY_HEADERS = {
  'X-Content-Type-Options': 'nosniff',
  'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
  'Referrer-Policy': 'no-referrer',
  'X-Frame-Options': 'DENY',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Cross-Origin-Opener-Policy': 'same-origin',
} as const;

const JSON_HEADERS = {
  ...SECURITY_HEADERS,
  'Cache-Control': 'no-store',
  'Content-Type': 'application/json; charset=utf-8',
} as const;

const PROBLEM_HEADERS = {
  ...SECURITY_HEADERS,
  'Cache-Control': 'no-store',
  'Content-Type': 'application/problem+json; charset=utf-8',
} as const;

export function statusOf(code: ProblemCode | WireCode): number {
  return code in WIRE_STATUS ? WIRE_STATUS[code as WireCode] : PROBLEM_STATUS[code as ProblemCode];
}

/** Answers JSON. A HEAD request gets the headers; Node leaves out the body. */
export function sendJson(call: Call, status: number, body: unknown, headers?: Headers): void {
  const text = JSON.stringify(body);
  call.res.writeHead(status, {
    ...JSON_HEADERS,
    'X-Request-Id': call.requestId,
    'Content-Length': Buffer.byteLength(text),
    ...headers,
  });
  call.res.end(text);
}

/** Answers without a body: 204, 304. */
export function sendEmpty(call: Call, status: number, headers?: Headers): void {
  call.res.writeHead(status, {
    ...SECURITY_HEADERS,
    'X-Request-Id': call.requestId,
    'Cache-Control': 'no-store',
    ...headers,
  });
  call.res.end();
}

/** Answers bytes that are at hand: pages, scripts, documents. */
export function sendBytes(call: Call, type: string, bytes: Buffer, headers?: Headers): void {
  call.res.writeHead(200, {
    ...SECURITY_HEADERS,
    'X-Request-Id': call.requestId,
    'Content-Type': type,
    'Content-Length': bytes.length,
    ...headers,
  });
  call.res.end(bytes);
}

/** Headers for an answer that is streamed; the caller writes the head. */
export function streamHeaders(call: Call): Record<string, string | number> {
  return { ...SECURITY_HEADERS, 'X-Request-Id': call.requestId };
}

/** The body of a problem answer (RFC 9457). */
export function problemBody(error: ProblemError, requestId: string, instance: string): Record<string, unknown> {
  const { errors, error_count, truncated, required_scope } = error.extras;
  return {
    type: `/docs/errors#${error.code}`,
    title: PROBLEM_TEXTS[error.code].title,
    status: statusOf(error.code),
    detail: error.message,
    instance,
    code: error.code,
    request_id: requestId,
    ...(errors ? { errors } : {}),
    ...(error_count === undefined ? {} : { error_count, truncated }),
    ...(required_scope ? { required_scope } : {}),
  };
}

/** How long a caller may go on sending a body that is already refused; closing at once would lose our answer. */
const LINGER_MS = 2000;

export function sendProblem(call: Pick<Call, 'req' | 'res' | 'requestId' | 'path'>, error: ProblemError): void {
  const text = JSON.stringify(problemBody(error, call.requestId, call.path));
  call.res.writeHead(statusOf(error.code), {
    ...PROBLEM_HEADERS,
    'X-Request-Id': call.requestId,
    'Content-Length': Buffer.byteLength(text),
    ...error.extras.headers,
  });
  call.res.end(text);
  if (!call.req.complete) discardRest(call);
}

function discardRest({ req, res }: { req: Call['req']; res: ServerResponse }): void {
  req.resume();
  const timer = setTimeout(() => req.socket.destroy(), LINGER_MS);
  req.once('close', () => clearTimeout(timer));
  // A keep-alive connection whose body ended in time goes on to its next request.
  req.once('end', () => clearTimeout(timer));
  res.once('error', () => clearTimeout(timer));
}
