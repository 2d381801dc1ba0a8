import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { pino } from 'pino';
import { afterEach, describe, expect, it } from 'vitest';
import { openUpstream, type Upstream, type UpstreamOptions } from './client.ts';
import type { UpstreamCall } from './result.ts';
import { accepted } from './testing/call.ts';
import { type FakeUpstream, fakeUpstream } from './testing/fake-upstream.ts';
import { silentMp3, silentWav, success } from './testing/songs.ts';

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'songmill-upstream-'));
  closers.push(() => rm(path, { recursive: true }));
  return path;
}

async function serve(...given: Parameters<typeof fakeUpstream>): Promise<FakeUpstream> {
  const server = await fakeUpstream(...given);
  closers.push(() => server.stop());
  return server;
}

function connect(baseUrl: string, more: Partial<UpstreamOptions> = {}): Upstream {
  const logger = pino({ level: 'silent' });
  const upstream = openUpstream({
    baseUrl,
    timeoutMs: 60_000,
    maxResponseBytes: 10_000_000,
    readKey: () => 'key-1',
    logger,
    ...more,
  });
  closers.push(() => upstream.stop());
  return upstream;
}

/** One call, what came of it, and which files it left. */
async function call(upstream: Upstream, more: Partial<UpstreamCall> = {}) {
  const dir = await folder();
  const result = await upstream.generate({ request: accepted(), spoolPath: join(dir, 'answer.part'), ...more });
  return { result, files: await readdir(dir), dir };
}

/** A bare TCP server, for what an HTTP server would not do. */
async function serveRaw(onConnection: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => sockets.delete(socket));
    onConnection(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(async () => {
    const closed = once(server, 'close');
    server.close();
    for (const socket of sockets) socket.destroy();
    await closed;
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe('a call', () => {
  it.each([
    ['small MP3', silentMp3(40), 'mp3', 1045],
    ['MP3 of many blocks', silentMp3(2300), 'mp3', 60_082],
    ['WAV', silentWav(2500), 'wav', 2500],
  ])('that gives a song leaves it in its file, whole: %s', async (_, song, format, durationMs) => {
    const server = await serve((response) => response.end(success(song)));
    const { result, files, dir } = await call(connect(server.url));
    const sha256 = createHash('sha256').update(song).digest('hex');
    expect(result).toMatchObject({ kind: 'song', audio: { bytes: song.length, sha256, format, durationMs } });
    expect(result.upstream).toMatchObject({ http_status: 200, code: 0, trace_id: '04ede0ab069fb1ba8be5156a24b1e081' });
    expect(files).toEqual(['answer.part']);
    expect((await readFile(join(dir, 'answer.part'))).equals(song)).toBe(true);
  });

  it('posts a form with its line breaks as they are', async () => {
    const server = await serve((response) => response.end(success(silentMp3(40))));
    const request = accepted({
      lyrics: '##你好\n\nlä "la"\r\n##',
      refer_instrumental: 'instrumental-1',
      audio_setting: { format: 'mp3', bitrate: 128000 },
    });
    await call(connect(`${server.url}/gate/`), { request });
    const [sent] = server.received;
    expect(sent).toMatchObject({
      method: 'POST',
      url: '/gate/minimaxi/v1/music_generation',
      headers: { authorization: 'Bearer key-1', 'accept-encoding': 'identity', accept: 'application/json' },
    });
    expect(sent?.headers['transfer-encoding']).toBe(undefined);
    const boundary = /^multipart\/form-data; boundary=(\S+)$/.exec(sent?.headers['content-type'] ?? '')?.[1];
    const parts = [
      ['model', 'music-01'],
      ['lyrics', '##你好\n\nlä "la"\n##'],
      ['refer_voice', 'vocal-1'],
      ['refer_instrumental', 'instrumental-1'],
      ['audio_setting', '{"bitrate":128000,"format":"mp3"}'],
    ].map(([name, value]) => `--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`);
    expect(sent?.body.toString()).toBe(`${parts.join('')}--${boundary}--\r\n`);
  });

  it('leaves out what is absent, but never the lyrics', async () => {
    const server = await serve((response) => response.end(success(silentMp3(40))));
    const request = accepted({ lyrics: '', refer_voice: '', refer_instrumental: 'instrumental-1' });
    await call(connect(server.url), { request });
    const names = [...(server.received[0]?.body.toString().matchAll(/name="(\w+)"/g) ?? [])].map((match) => match[1]);
    expect(names).toEqual(['model', 'lyrics', 'refer_instrumental']);
  });

  it('posts JSON for later models, without what is absent', async () => {
    const server = await serve((response) => response.end(success(silentMp3(40))));
    const song = { refer_voice: '', lyrics: '[Verse]\r\n你好 "la" la', prompt: 'slow jazz, piano' };
    const upstream = connect(server.url);
    await call(upstream, { request: accepted({ ...song, model: 'music-1.5', audio_setting: { format: 'wav' } }) });
    await call(upstream, { request: accepted({ ...song, model: 'music-2.5', prompt: '' }) });
    expect(server.received.map(({ url, headers }) => [url, headers['content-type']])).toEqual(
      Array.from({ length: 2 }, () => ['/minimaxi/v1/music_generation', 'application/json']),
    );
    const lyrics = '[Verse]\n你好 "la" la';
    expect(server.received.map(({ body }) => JSON.parse(body.toString()) as unknown)).toEqual([
      { model: 'music-1.5', prompt: 'slow jazz, piano', lyrics, audio_setting: { format: 'wav' } },
      { model: 'music-2.5', lyrics },
    ]);
  });

  it('asks for the key each time', async () => {
    const server = await serve((response) => response.end(success(silentMp3(40))));
    let key = 'first';
    const upstream = connect(server.url, { readKey: () => key });
    await call(upstream);
    key = 'second';
    await call(upstream);
    expect(server.received.map((one) => one.headers.authorization)).toEqual(['Bearer first', 'Bearer second']);
  });
});

describe('a request that was never written is free', () => {
  it('when the connection is refused', async () => {
    const server = await fakeUpstream(() => {});
    await server.stop();
    const { result, files } = await call(connect(server.url));
    expect(result).toMatchObject({ kind: 'not_sent', upstream: { http_status: null, code: null } });
    expect(result.message).toContain('ECONNREFUSED');
    expect(files).toEqual([]);
  });

  it('when TLS fails', async () => {
    const server = await serve(() => {});
    const { result } = await call(connect(server.url.replace('http:', 'https:')));
    expect(result.kind).toBe('not_sent');
    expect(server.received).toEqual([]);
  });

  it('when the deadline passes before the connection stands', async () => {
    const host = await serveRaw(() => {});
    const { result } = await call(connect(`https://${host}`, { timeoutMs: 200 }));
    expect(result.kind).toBe('not_sent');
  });

  it('when the caller gives up before', async () => {
    const server = await serve((response) => response.end(success(silentMp3(40))));
    const { result } = await call(connect(server.url), { signal: AbortSignal.abort() });
    expect(result.kind).toBe('not_sent');
    expect(server.received).toEqual([]);
  });

  it('when the deadline passes while it waits for a free connection', async () => {
    const server = await serve(() => {});
    const upstream = connect(server.url, { connections: 1, timeoutMs: 1500 });
    const first = call(upstream);
    await server.arrived(1);
    const signal = AbortSignal.timeout(100);
    const second = await call(upstream, { signal });
    expect(second.result.kind).toBe('not_sent');
    expect((await first).result.kind).toBe('timeout');
    expect(server.received).toHaveLength(1);
  });

  it('when the key cannot go into a header', async () => {
    const server = await serve(() => {});
    const { result } = await call(connect(server.url, { readKey: () => 'a\nb' }));
    expect(result.kind).toBe('not_sent');
    expect(result.message).not.toContain('a\nb');
  });
});

describe('a request that was written may have been billed', () => {
  it('when no answer comes before the deadline', async () => {
    const server = await serve(() => {});
    const { result, files } = await call(connect(server.url, { timeoutMs: 300 }));
    expect(result).toMatchObject({ kind: 'timeout', upstream: { http_status: null } });
    expect(files).toEqual([]);
  });

  it('when the answer drips past the deadline', async () => {
    const server = await serve((response) => {
      response.write('{"data":{"audio":"');
      const drip = setInterval(() => response.write('0'.repeat(200_000)), 20);
      response.on('close', () => clearInterval(drip));
    });
    const { result, files } = await call(connect(server.url, { timeoutMs: 500, maxResponseBytes: 1e9 }));
    expect(result).toMatchObject({ kind: 'timeout', upstream: { http_status: 200 } });
    expect(files).toEqual([]);
  });

  it('when the connection is reset, and it is never sent again', async () => {
    const server = await serve((response) => response.socket?.resetAndDestroy());
    const { result } = await call(connect(server.url));
    expect(result.kind).toBe('unknown_failure');
    expect(server.received).toHaveLength(1);
  });

  it('when a kept connection is reset, and it is never sent again', async () => {
    const server = await serve((response) => {
      if (server.received.length === 1) response.end(success(silentMp3(40)));
      else response.socket?.resetAndDestroy();
    });
    const upstream = connect(server.url);
    expect((await call(upstream)).result.kind).toBe('song');
    expect((await call(upstream)).result.kind).toBe('unknown_failure');
    expect(server.received).toHaveLength(2);
  });

  it('when the connection ends without a word', async () => {
    const server = await serve((response) => response.socket?.end());
    expect((await call(connect(server.url))).result.kind).toBe('unknown_failure');
  });

  it.each([
    ['announced', 'content-length: 100000\r\n\r\n'],
    ['chunked', 'transfer-encoding: chunked\r\n\r\n10\r\n'],
    ['open-ended', 'connection: close\r\n\r\n'],
  ])('when the answer breaks off: %s', async (_, head) => {
    const host = await serveRaw((socket) => {
      socket.once('data', () => socket.end(`HTTP/1.1 200 OK\r\n${head}{"data":{"audio":"00112233`));
    });
    const { result, files } = await call(connect(`http://${host}`));
    expect(result).toMatchObject({ kind: 'unreadable', upstream: { http_status: 200 } });
    expect(files).toEqual([]);
  });

  it('when what answers speaks no HTTP', async () => {
    const host = await serveRaw((socket) => socket.once('data', () => socket.end('SSH-2.0-x\r\n')));
    expect((await call(connect(`http://${host}`))).result.kind).toBe('unknown_failure');
  });

  it('when the caller gives up afterwards', async () => {
    const server = await serve(() => {});
    const controller = new AbortController();
    const open = call(connect(server.url), { signal: controller.signal });
    await server.arrived(1);
    controller.abort();
    expect((await open).result.kind).toBe('unknown_failure');
  });

  it('when the worker stops', async () => {
    const server = await serve(() => {});
    const upstream = connect(server.url);
    const open = call(upstream);
    await server.arrived(1);
    await upstream.stop();
    expect((await open).result.kind).toBe('unknown_failure');
    expect((await call(upstream)).result.kind).toBe('not_sent');
  });
});

describe('an answer', () => {
  it.each([
    ['announces', true],
    ['turns out', false],
  ])('that %s to be over the cap is cut off, and nothing is left of it', async (_, announced) => {
    const body = success(silentMp3(2300));
    const server = await serve((response) => {
      if (announced) response.setHeader('content-length', body.length);
      response.write(body.slice(0, 100_000));
      response.end(body.slice(100_000));
    });
    const { result, files } = await call(connect(server.url, { maxResponseBytes: body.length - 1 }));
    expect(result.kind).toBe('too_large');
    expect(files).toEqual([]);
    expect((await call(connect(server.url, { maxResponseBytes: body.length }))).result.kind).toBe('song');
  });

  it('that redirects is not followed', async () => {
    const server = await serve((response) => response.writeHead(307, { location: '/elsewhere' }).end());
    const { result } = await call(connect(server.url));
    expect(result).toMatchObject({ kind: 'unknown_failure', upstream: { http_status: 307 } });
    expect(server.received).toHaveLength(1);
  });

  it('that comes compressed is not read', async () => {
    const server = await serve((response) => {
      response.setHeader('content-encoding', 'gzip');
      response.end(gzipSync(success(silentMp3(40))));
    });
    expect((await call(connect(server.url))).result.kind).toBe('unreadable');
  });

  it('that follows an early hint counts', async () => {
    const server = await serve((response) => {
      response.writeEarlyHints({ link: '</x>; rel=preload' });
      response.end(success(silentMp3(40)));
    });
    expect((await call(connect(server.url))).result.kind).toBe('song');
  });

  it('that quotes our key does not bring it into the record', async () => {
    const server = await serve((response, _, { headers }) => response.writeHead(401).end(headers.authorization));
    const { result } = await call(connect(server.url, { readKey: () => 'sk-canary' }));
    expect(result).toMatchObject({ kind: 'account', upstream: { message: 'Bearer [key]' } });
    expect(JSON.stringify(result)).not.toContain('canary');
  });

  it('gives its Retry-After and its trace', async () => {
    const server = await serve((response) => {
      response.writeHead(429, { 'retry-after': '7', 'Trace-Id': 'trace-1' }).end('slow down');
    });
    const { result } = await call(connect(server.url));
    expect(result).toMatchObject({ kind: 'rate_limited', retryAfterMs: 7000, upstream: { trace_id: 'trace-1' } });
  });

  it.each([
    ['no player reads', Buffer.from('this is no song at all, however long it may be')],
    ['is longer than a block and no player reads', Buffer.alloc(300_000, 1)],
    ['is a song without length', silentWav(0)],
  ])('with audio that %s was paid for and leaves no file', async (_, audio) => {
    const server = await serve((response) => response.end(success(audio)));
    const { result, files } = await call(connect(server.url));
    expect(result).toMatchObject({ kind: 'unusable_audio', upstream: { http_status: 200, code: 0 } });
    expect(files).toEqual([]);
  });

  it('with a bad digit after many blocks leaves no file', async () => {
    const hex = silentMp3(2300).toString('hex');
    const damaged = `{"data":{"audio":"${hex.slice(0, -1)}x","status":2}}`;
    const server = await serve((response) => response.end(damaged));
    const { result, files } = await call(connect(server.url));
    expect(result.kind).toBe('unusable_audio');
    expect(files).toEqual([]);
  });

  it('that the disk does not take was paid for, and an older file there is left alone', async () => {
    const server = await serve((response) => response.end(success(silentMp3(2300))));
    const upstream = connect(server.url);
    const { result } = await call(upstream, { spoolPath: join(await folder(), 'no-such-folder', 'answer') });
    expect(result).toMatchObject({
      kind: 'song_lost',
      message: 'the song was paid for and could not be written: ENOENT',
    });
    const first = await call(upstream);
    const again = await call(upstream, { spoolPath: join(first.dir, 'answer.part') });
    expect(again.result).toMatchObject({
      kind: 'song_lost',
      message: 'the song was paid for and could not be written: EEXIST',
    });
    expect(await readdir(first.dir)).toEqual(['answer.part']);
  });

  it('of no channel holds a model only until it has given a song', async () => {
    const refusal = JSON.stringify({ error: { err_code: -10008, message: 'No available models' } });
    const server = await serve((response) => {
      if (server.received.length === 2) response.end(success(silentMp3(40)));
      else response.writeHead(503).end(refusal);
    });
    const upstream = connect(server.url);
    const kinds = [];
    for (let i = 0; i < 3; i++) kinds.push((await call(upstream)).result.kind);
    expect(kinds).toEqual(['model', 'song', 'stated_failure']);
    expect((await call(upstream, { modelHasWorked: false })).result.kind).toBe('model');
  });
});
