import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { Call } from '../context.ts';
import { openSse, type SseStream } from './sse.ts';

let server: Server;
let client: Socket;
let stream: SseStream;
let onPing = () => '';

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  const opened = Promise.withResolvers<SseStream>();
  server = createServer((req, res) =>
    opened.resolve(openSse({ req, res, requestId: 'r' } as unknown as Call, () => onPing())),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  client.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
  stream = await opened.promise;
});
afterEach(async () => {
  vi.useRealTimers();
  client.destroy();
  await stream.closed;
  await new Promise((resolve) => server.close(resolve));
});

/** Reads on until the text is there. */
async function expectHeard(text: string): Promise<void> {
  let all = '';
  while (!all.includes(text)) all += ((await once(client, 'data')) as [Buffer])[0].toString();
}

it('a ping comes every 15 s, with what is to be said beside it', async () => {
  await expectHeard('retry: 3000\n\n');
  vi.advanceTimersByTime(14_999);
  stream.send('data: 1\n\n');
  await expectHeard('data: 1\n\n');
  onPing = () => 'id: 7-0\n\n';
  vi.advanceTimersByTime(1);
  await expectHeard(': ping\n\nid: 7-0\n\n');
});

it('a reader for whom nothing can be sent through three pings is cut off', async () => {
  await expectHeard('retry: 3000\n\n');
  client.pause();
  // Fills what the system holds between the two.
  while (!stream.full) {
    stream.send(`data: ${'x'.repeat(100_000)}\n\n`);
    await new Promise((resolve) => setImmediate(resolve));
  }
  const drained = stream.drained();
  vi.advanceTimersByTime(45_000);
  await stream.closed;
  expect(await drained).toBe(false);
});

it('a reader that takes things slowly is told more once there is room', async () => {
  await expectHeard('retry: 3000\n\n');
  client.pause();
  while (!stream.full) {
    stream.send(`data: ${'x'.repeat(100_000)}\n\n`);
    await new Promise((resolve) => setImmediate(resolve));
  }
  vi.advanceTimersByTime(30_000);
  client.resume();
  expect(await stream.drained()).toBe(true);
  stream.send('data: more\n\n');
  await expectHeard('data: more\n\n');
});

it('a reader for whom too much waits is cut off', async () => {
  client.pause();
  for (let i = 0; i < 200; i += 1) stream.send(`data: ${'x'.repeat(100_000)}\n\n`);
  await stream.closed;
  stream.send('data: nobody hears this\n\n');
  stream.end();
  expect(await stream.drained()).toBe(false);
});
