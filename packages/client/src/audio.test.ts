import { createHash } from 'node:crypto';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Songmill } from './client.ts';
import { ConnectionError, NotFoundError } from './errors.ts';
import { problem, type ScriptedServer, startScriptedServer } from './testing/scripted-server.ts';

let server: ScriptedServer;
let client: Songmill;

beforeEach(async () => {
  server = await startScriptedServer();
  client = new Songmill({ url: server.url, apiKey: 'sgm_test', pause: async () => {} });
});
afterEach(() => {
  vi.useRealTimers();
  return server.close();
});

/** A stream that remembers what became of it. */
function sink(write: (chunk: Uint8Array) => void | Promise<void> = () => {}) {
  const seen = { bytes: 0, closed: false, aborted: undefined as unknown, hash: createHash('sha256') };
  const stream = new WritableStream<Uint8Array>({
    async write(chunk) {
      seen.bytes += chunk.byteLength;
      seen.hash.update(chunk);
      await write(chunk);
    },
    close: () => void (seen.closed = true),
    abort: (reason) => void (seen.aborted = reason),
  });
  return { seen, stream };
}

it('the body is there while the song is still being sent', async () => {
  let finish = () => {};
  server.otherwise = (response) => {
    response.writeHead(200, { 'content-type': 'audio/mpeg' });
    response.write('first');
    finish = () => response.end('second');
  };
  const response = await client.generations.audio('gen_1');
  const reader = response.body?.getReader();
  expect(new TextDecoder().decode((await reader?.read())?.value)).toBe('first');
  finish();
  expect(new TextDecoder().decode((await reader?.read())?.value)).toBe('second');
  expect((await reader?.read())?.done).toBe(true);
});

it('the time limit ends with the headers, the signal goes on to count', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const signals: (AbortSignal | null | undefined)[] = [];
  const slow = new Songmill({
    fetch: async (_url, init) => {
      signals.push(init.signal);
      return new Response('song');
    },
  });
  const stop = new AbortController();
  await slow.generations.audio('gen_1', { signal: stop.signal, timeoutMs: 1000 });
  vi.advanceTimersByTime(600_000);
  expect(signals[0]?.aborted).toBe(false);
  stop.abort();
  expect(signals[0]?.aborted).toBe(true);
});

it('an abort ends a body that is still coming', async () => {
  server.otherwise = (response) => {
    response.writeHead(200, { 'content-type': 'audio/mpeg' });
    response.write('first');
  };
  const stop = new AbortController();
  const response = await client.generations.audio('gen_1', { signal: stop.signal });
  const body = response.text().catch((thrown: unknown) => thrown);
  stop.abort();
  expect(await body).toMatchObject({ name: 'AbortError' });
});

it('a range and a known ETag are passed on, and their answers are handed back', async () => {
  server.otherwise = (response, { headers }) => {
    if (headers['if-none-match']) response.writeHead(304).end();
    else response.writeHead(206, { 'content-range': 'bytes 0-3/10' }).end('song');
  };
  const part = await client.generations.audio('gen_1', { range: 'bytes=0-3' });
  expect([part.status, await part.text()]).toEqual([206, 'song']);
  expect(server.received[0]?.headers.range).toBe('bytes=0-3');
  expect((await client.generations.audio('gen_1', { ifNoneMatch: '"a"' })).status).toBe(304);
});

it('a song that is not ready is an error with its code', async () => {
  server.otherwise = problem('audio_not_ready', 404);
  const error = await client.generations.audio('gen_1').catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(NotFoundError);
  expect(error).toMatchObject({ code: 'audio_not_ready' });
});

it('a download writes every byte, in order, and closes the stream', async () => {
  const song = Buffer.alloc(3_000_000, 'songmill');
  server.script(problem('storage_unavailable', 503), (response) => {
    response.writeHead(200, { 'content-type': 'audio/mpeg', 'content-length': song.length, etag: '"a"' });
    response.end(song);
  });
  const { seen, stream } = sink();
  const result = await client.generations.download('gen_1', stream);
  expect(result).toMatchObject({ bytes: song.length, contentType: 'audio/mpeg', etag: '"a"' });
  expect(seen.hash.digest('hex')).toBe(createHash('sha256').update(song).digest('hex'));
  expect([seen.bytes, seen.closed, seen.aborted]).toEqual([song.length, true, undefined]);
});

it('a song that breaks off aborts the stream and is a connection error', async () => {
  server.otherwise = (response) => {
    response.writeHead(200, { 'content-length': 1000 });
    response.write('half', () => response.destroy());
  };
  const { seen, stream } = sink();
  await expect(client.generations.download('gen_1', stream)).rejects.toBeInstanceOf(ConnectionError);
  expect(seen.closed).toBe(false);
  expect(seen.aborted).toBeInstanceOf(ConnectionError);
});

it('a body shorter than announced is a connection error even when fetch lets it pass', async () => {
  const lenient = async () => new Response('half', { headers: { 'content-length': '8' } });
  const { seen, stream } = sink();
  const call = new Songmill({ fetch: lenient }).generations.download('gen_1', stream);
  await expect(call).rejects.toThrow('after 4 of 8 bytes');
  expect(seen.closed).toBe(false);
});

it('a stream that fails ends the transfer with its own error', async () => {
  server.otherwise = (response) => {
    response.writeHead(200);
    const more = () => response.write(Buffer.alloc(65_536));
    response.on('drain', more);
    while (more());
  };
  const full = new Error('disk full');
  const { stream } = sink(() => Promise.reject(full));
  await expect(client.generations.download('gen_1', stream)).rejects.toBe(full);
  await server.received[0]?.dropped;
});

it('an aborted download passes the reason through and aborts the stream', async () => {
  server.otherwise = (response) => {
    response.writeHead(200);
    response.write('first');
  };
  const stop = new AbortController();
  const { seen, stream } = sink(() => stop.abort());
  const error = await client.generations
    .download('gen_1', stream, { signal: stop.signal })
    .catch((thrown: unknown) => thrown);
  expect(error).toBe(stop.signal.reason);
  expect(seen.aborted).toBe(stop.signal.reason);
});

it('a download that never begins aborts the stream too', async () => {
  server.otherwise = problem('not_found', 404);
  const { seen, stream } = sink();
  await expect(client.generations.download('gen_1', stream)).rejects.toBeInstanceOf(NotFoundError);
  expect(seen.aborted).toBeInstanceOf(NotFoundError);
});
