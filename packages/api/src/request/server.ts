import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { ProblemError, WIRE_STATUS, type WireCode } from '../errors.ts';
import { problemBody } from './answer.ts';
import { expectsContinue } from './expect-continue.ts';
import { newRequestId } from './request-id.ts';

/** What one caller may take of us. Milliseconds and bytes. */
export interface ServerLimits {
  /** Until the last header has arrived. */
  readonly headersMs: number;
  /** Until the last byte of the request has arrived. */
  readonly requestMs: number;
  /** The same for a file: 50 MB over a slow line take minutes. */
  readonly uploadMs: number;
  /**
   * A connection on which nothing moves either way: a reader that stopped reading, above all. Longer
   * than the longest wait, during which nothing moves by design.
   */
  readonly idleMs: number;
  /** Between two requests; longer than load balancers keep idle connections, or they race with us. */
  readonly keepAliveMs: number;
  readonly headerBytes: number;
  readonly connections: number;
  readonly requestsPerConnection: number;
}

export const LIMITS: ServerLimits = {
  headersMs: 10_000,
  requestMs: 30_000,
  uploadMs: 600_000,
  idleMs: 90_000,
  keepAliveMs: 75_000,
  headerBytes: 16_384,
  connections: 20_000,
  requestsPerConnection: 100_000,
};

type Listener = (req: IncomingMessage, res: ServerResponse) => void;

/** A plain HTTP server with limits. It does not listen yet. */
export function createHttpServer(listener: Listener, limits: ServerLimits): Server {
  const inTime: Listener = (req, res) => {
    if (!isUpload(req)) refuseWhenLate(req, limits.requestMs);
    listener(req, res);
  };
  const server = createServer(
    {
      headersTimeout: limits.headersMs,
      requestTimeout: Math.max(limits.uploadMs, limits.requestMs),
      keepAliveTimeout: limits.keepAliveMs,
      maxHeaderSize: limits.headerBytes,
      // How often the two time limits above are looked at.
      connectionsCheckingInterval: Math.min(5000, limits.headersMs / 2),
    },
    inTime,
  );
  server.timeout = limits.idleMs;
  server.maxConnections = limits.connections;
  server.maxRequestsPerSocket = limits.requestsPerConnection;
  server.on('checkContinue', (req: IncomingMessage, res: ServerResponse) => {
    expectsContinue(req);
    inTime(req, res);
  });
  // Any other expectation may be ignored (RFC 9110, 10.1.1).
  server.on('checkExpectation', inTime);
  server.on('clientError', refuse);
  return server;
}

const UPLOADS: ReadonlySet<string> = new Set(['/v1/references', '/v1/batches']);

function isUpload(req: IncomingMessage): boolean {
  return req.method === 'POST' && UPLOADS.has(req.url?.split('?')[0] ?? '');
}

/** Node has one time limit for all requests, which uploads need longer; a body of any other one ends here. */
function refuseWhenLate(req: IncomingMessage, ms: number): void {
  const { headers } = req;
  if (headers['transfer-encoding'] === undefined && Number(headers['content-length'] ?? 0) === 0) return;
  const late = (): void => {
    if (!req.complete) refuse(Object.assign(new Error('late'), { code: 'ERR_HTTP_REQUEST_TIMEOUT' }), req.socket);
  };
  const timer = setTimeout(late, ms);
  const done = (): void => clearTimeout(timer);
  req.once('end', done).once('close', done);
}

/** Connections that may wait to be taken: everybody who listens comes back at once after a restart. */
const BACKLOG = 4096;

/** Listens and answers the URL; port 0 picks a free one. */
export async function listen(server: Server, host: string, port: number): Promise<string> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, BACKLOG, () => {
      server.off('error', reject);
      resolve();
    });
  });
  const address = server.address() as AddressInfo;
  const name = host.includes(':') ? `[${host}]` : host;
  return `http://${name}:${address.port}`;
}

/** Ends: no new connection, idle ones closed, requests under way finished within `graceMs`. */
export async function close(server: Server, graceMs: number): Promise<void> {
  const closed = new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
  // A connection falls idle when its request under way is answered; Node does not look again by itself.
  const sweep = setInterval(() => server.closeIdleConnections(), 20);
  const timer = setTimeout(() => server.closeAllConnections(), graceMs);
  await closed;
  clearInterval(sweep);
  clearTimeout(timer);
}

/** Answers bytes that never became a request, in the same form as everything else. */
function refuse(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable || socket.bytesWritten > 0) {
    // An answer may be half written already; nothing can be said any more.
    socket.destroy();
    return;
  }
  const code = wireCode(error.code);
  const id = newRequestId();
  const problem = new ProblemError(code, DETAILS[code]);
  const text = JSON.stringify(problemBody(problem, id, ''));
  const head = [
    `HTTP/1.1 ${WIRE_STATUS[code]} ${PHRASES[code]}`,
    'Content-Type: application/problem+json; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(text)}`,
    `X-Request-Id: ${id}`,
    'X-Content-Type-Options: nosniff',
    'Cache-Control: no-store',
    'Connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${text}`);
}

function wireCode(code: string | undefined): WireCode {
  if (code === 'HPE_HEADER_OVERFLOW') return 'headers_too_large';
  return code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 'request_timeout' : 'bad_request';
}

const PHRASES: Readonly<Record<WireCode, string>> = {
  bad_request: 'Bad Request',
  request_timeout: 'Request Timeout',
  uri_too_long: 'URI Too Long',
  headers_too_large: 'Request Header Fields Too Large',
};

const DETAILS: Readonly<Record<WireCode, string>> = {
  bad_request: 'these bytes are no HTTP/1.1 request',
  request_timeout: 'the request did not arrive in time',
  uri_too_long: 'the URL is too long',
  headers_too_large: 'the headers are too large',
};
