import { randomBytes } from 'node:crypto';
import { baseResp, gatewayError } from './envelopes.ts';
import type { Fault } from './faults/grammar.ts';
import type { OpenCall } from './open-calls.ts';

/** An answer as it goes out. `code`: what the ledger notes besides the status. */
export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly pieces: readonly Buffer[];
  readonly code?: number | string;
}

/** Bodies up to here are joined and sent as one piece; larger ones stream. */
const ONE_PIECE_BYTES = 262_144;
const JSON_TYPE = 'application/json';

export function jsonReply(status: number, body: string, code?: number | string): Reply {
  const reply = { status, headers: { 'content-type': JSON_TYPE }, pieces: [Buffer.from(body)] };
  return code === undefined ? reply : { ...reply, code };
}

/** MiniMax reports nearly every failure as HTTP 200 with its envelope. */
export function baseRespReply(code: number, detail?: string, status = 200): Reply {
  const trace = newTraceId();
  const reply = jsonReply(status, JSON.stringify({ base_resp: baseResp(code, detail) }), code);
  return { ...reply, headers: { ...reply.headers, 'trace-id': trace } };
}

export function gatewayReply(code: number, asText = false, status: number | null = null): Reply {
  const error = gatewayError(code, asText);
  return jsonReply(status ?? error.status, error.body, asText ? String(code) : code);
}

/** A page of a proxy that knows neither envelope; gateway timeouts look like Cloudflare's. */
export function htmlReply(status: number): Reply {
  const title = STATUS_TITLES[status] ?? 'Error';
  const page =
    status >= 504
      ? `<!DOCTYPE html>\n<html lang="en-US">\n<head>\n<title>api.302.ai | ${status}: ${title}</title>\n</head>\n<body>\n<div id="cf-wrapper"><div id="cf-error-details"><h1><span>${title}</span> <span>Error code ${status}</span></h1><div>Visit cloudflare.com for more information.</div></div></div>\n</body>\n</html>\n`
      : `<html>\r\n<head><title>${status} ${title}</title></head>\r\n<body>\r\n<center><h1>${status} ${title}</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n`;
  return { status, headers: { 'content-type': 'text/html; charset=UTF-8' }, pieces: [Buffer.from(page)] };
}

const STATUS_TITLES: Readonly<Record<number, string>> = {
  200: 'OK',
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  413: 'Request Entity Too Large',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
  502: 'Bad Gateway',
  503: 'Service Temporarily Unavailable',
  504: 'Gateway time-out',
  520: 'Web server is returning an unknown error',
  522: 'Connection timed out',
  524: 'A timeout occurred',
};

/** The answer of a fault that has nothing to do with a song; null for the faults that spoil one. */
export function songlessReply(fault: Fault): Reply | null {
  const reply = plainReply(fault);
  if (reply === null || fault.retryAfter === null) return reply;
  return { ...reply, headers: { ...reply.headers, 'retry-after': String(fault.retryAfter) } };
}

function plainReply(fault: Fault): Reply | null {
  switch (fault.name) {
    case 'code':
      return baseRespReply(fault.value ?? 0, undefined, fault.status ?? 200);
    case 'err':
      return gatewayReply(fault.value ?? 0, fault.asText, fault.status);
    case 'status':
      return htmlReply(fault.value ?? 500);
    case 'html':
      return htmlReply(fault.status ?? 200);
    case 'object':
      return jsonReply(fault.status ?? 200, '{}');
    default:
      return null;
  }
}

export function newTraceId(): string {
  return randomBytes(16).toString('hex');
}

export function byteLength(pieces: readonly Buffer[]): number {
  return pieces.reduce((sum, piece) => sum + piece.length, 0);
}

/** Writes the answer with its true length; says whether the client took all of it. */
export async function send(call: OpenCall, reply: Reply, stopping: boolean): Promise<'sent' | 'gone'> {
  const { response } = call;
  if (call.gone || response.destroyed) return 'gone';
  const length = byteLength(reply.pieces);
  startAnswer(call, reply, length, stopping);
  if (length <= ONE_PIECE_BYTES) {
    response.end(reply.pieces.length === 1 ? reply.pieces[0] : Buffer.concat(reply.pieces));
  } else {
    for (const piece of reply.pieces) {
      if (response.destroyed) return 'gone';
      if (!response.write(piece)) await drained(call);
    }
    response.end();
  }
  return finished(call);
}

/** Resolves when the answer has left, or the client has. */
export async function finished({ response }: OpenCall): Promise<'sent' | 'gone'> {
  if (!response.writableFinished && !response.destroyed) {
    await new Promise<void>((resolve) => {
      response.once('finish', resolve);
      response.once('close', resolve);
    });
  }
  return response.writableFinished ? 'sent' : 'gone';
}

/** Writes status and headers; `length` is what the headers promise, which a fault may then break. */
export function startAnswer(call: OpenCall, reply: Reply, length: number, stopping: boolean): void {
  call.response.writeHead(reply.status, {
    ...reply.headers,
    'content-length': length,
    ...(stopping ? { connection: 'close' } : {}),
  });
}

/** Resolves when more can be written, or nothing ever can. */
export async function drained(call: OpenCall): Promise<void> {
  const { response } = call;
  if (response.destroyed) return;
  await new Promise<void>((resolve) => {
    const done = (): void => {
      response.off('drain', done);
      response.off('close', done);
      resolve();
    };
    response.once('drain', done);
    response.once('close', done);
  });
}
