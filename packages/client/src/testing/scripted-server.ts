import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Generation } from '@songmill/shared/contract/generation';
import type { ProblemCode } from '@songmill/shared/contract/words';

/** A request as it came in, body read to its end. */
export interface Received {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
  /** Settles when the client has gone away before the answer ended. */
  readonly dropped: Promise<void>;
}

export type Reply = (response: ServerResponse, request: Received) => void;

/** A real HTTP server whose answers a test changes while it runs. */
export interface ScriptedServer {
  readonly url: string;
  readonly received: Received[];
  /** Answers for the next requests, in order; afterwards `otherwise` answers. */
  script(...replies: Reply[]): void;
  otherwise: Reply;
  /** Resolves with the nth request, from 1, once it is here. */
  arrived(count: number): Promise<Received>;
  close(): Promise<void>;
}

export async function startScriptedServer(): Promise<ScriptedServer> {
  const replies: Reply[] = [];
  const received: Received[] = [];
  const waiting: { count: number; resolve: (request: Received) => void }[] = [];
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    const dropped = new Promise<void>((resolve) => {
      response.on('close', () => !response.writableFinished && resolve());
    });
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const url = new URL(request.url ?? '/', 'http://server');
      const { headers, method = '' } = request;
      const body = Buffer.concat(parts).toString();
      const entry = { method, path: url.pathname, query: url.searchParams, headers, body, dropped };
      received.push(entry);
      for (const waiter of waiting) if (waiter.count === received.length) waiter.resolve(entry);
      (replies.shift() ?? scripted.otherwise)(response, entry);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const scripted: ScriptedServer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    script: (...more) => void replies.push(...more),
    otherwise: problem('not_found', 404),
    arrived: (count) => {
      const entry = received[count - 1];
      return entry ? Promise.resolve(entry) : new Promise((resolve) => waiting.push({ count, resolve }));
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return scripted;
}

export function json(body: unknown, status = 200, headers: Record<string, string> = {}): Reply {
  return (response) => {
    response.writeHead(status, { 'content-type': 'application/json', 'x-request-id': 'req_1', ...headers });
    response.end(JSON.stringify(body));
  };
}

export function problem(
  code: ProblemCode,
  status: number,
  headers: Record<string, string> = {},
  more: object = {},
): Reply {
  const body = { type: 'about:blank', title: code, status, detail: `because ${code}`, instance: '/', code };
  return json({ ...body, request_id: 'req_1', ...more }, status, {
    'content-type': 'application/problem+json',
    ...headers,
  });
}

/** Closes the connection without a word. */
export const hangUp: Reply = (response) => void response.destroy();

/** Keeps the connection open and never answers. */
export const silence: Reply = () => {};

/** A record with what the tests look at; everything else is of no interest to the client. */
export function generation(id: string, status: string): Generation {
  return { id, object: 'generation', status, metadata: {} } as unknown as Generation;
}
