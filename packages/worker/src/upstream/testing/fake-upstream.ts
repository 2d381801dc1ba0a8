import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Received {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
  /** Of the client's end, so that tests can tell connections apart. */
  readonly port: number;
}

export interface FakeUpstream {
  readonly url: string;
  readonly received: Received[];
  /** Resolves when the nth request (from 1) has arrived whole. */
  arrived(count: number): Promise<Received>;
  stop(): Promise<void>;
}

/** An HTTP server on a free loopback port that answers every whole request as the test says. */
export async function fakeUpstream(
  answer: (response: ServerResponse, request: IncomingMessage, received: Received) => void,
): Promise<FakeUpstream> {
  const received: Received[] = [];
  const waiting: { count: number; resolve: (request: Received) => void }[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { method = '', url = '', headers, socket } = request;
      const one = { method, url, headers, body: Buffer.concat(chunks), port: socket.remotePort ?? 0 };
      received.push(one);
      for (const { count, resolve } of waiting) if (received.length >= count) resolve(received[count - 1] as Received);
      answer(response, request, one);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    arrived: (count) =>
      new Promise((resolve) => {
        const already = received[count - 1];
        if (already) resolve(already);
        else waiting.push({ count, resolve });
      }),
    async stop() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
