import { createServer, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { recordingConnector } from '@songmill/shared/runtime/address/testing/recording-connector';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type LinkedSongOrder, type LinkedSongsOptions, openLinkedSongs } from './linked-song.ts';
import { silentMp3 } from './testing/songs.ts';
import { verifyAudio } from './verify-audio.ts';

const closers: (() => Promise<unknown>)[] = [];
let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'songmill-linked-'));
  closers.push(() => rm(dir, { recursive: true }));
});
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const song = silentMp3(400);

/** A host of songs: each path is answered by what the test says, `/song` with the song. */
async function host(answers: Record<string, (response: ServerResponse, count: number) => void> = {}) {
  const asked: string[] = [];
  const headers: Record<string, unknown>[] = [];
  const server = createServer((request, response) => {
    const path = request.url ?? '';
    asked.push(path);
    headers.push(request.headers);
    const answer = answers[path] ?? ((one: ServerResponse) => one.end(song));
    answer(response, asked.filter((each) => each === path).length);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(async () => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked, headers };
}

/** Fetches links through an upstream of this address; says what came and what was left at the path. */
async function fetched(baseUrl: string, links: string[], more: Partial<LinkedSongOrder & LinkedSongsOptions> = {}) {
  const songs = openLinkedSongs({ baseUrl, maxBytes: 10_000_000, logger: pino({ level: 'silent' }), ...more });
  closers.push(() => songs.stop());
  const path = join(dir, 'song.part');
  const judge: LinkedSongOrder['judge'] = (written) => verifyAudio(path, written);
  const result = await songs.fetch({ links, path, timeoutMs: 20_000, judge, ...more });
  return { result, path, files: await readdir(dir) };
}

describe('a song behind a link', () => {
  it('is written as it is, and our key does not go there', async () => {
    const { url, headers } = await host();
    const { result, path } = await fetched(`${url}/gate`, [`${url}/song`]);
    expect(result).toMatchObject({ ok: true, written: { bytes: song.length }, verdict: { format: 'mp3' } });
    expect((await readFile(path)).equals(song)).toBe(true);
    expect(headers[0]).not.toHaveProperty('authorization');
  });

  it('fault: a host that fails, cuts off or sends no song is tried again, or its copy is taken', async () => {
    const { url, asked } = await host({
      '/late': (response, count) => response.writeHead(count < 3 ? 503 : 200).end(count < 3 ? '' : song),
      '/cut': (response) => {
        response.writeHead(200, { 'content-length': song.length });
        response.write(song.subarray(0, 1000), () => response.destroy());
      },
      '/html': (response) => response.end('<html>gone</html>'),
    });
    expect((await fetched(url, [`${url}/late`])).result.ok).toBe(true);
    await rm(join(dir, 'song.part'));
    expect((await fetched(url, [`${url}/cut`, `${url}/song`])).result.ok).toBe(true);
    await rm(join(dir, 'song.part'));
    expect((await fetched(url, [`${url}/html`, `${url}/song`])).result.ok).toBe(true);
    expect(asked).toEqual(['/late', '/late', '/late', '/cut', '/song', '/html', '/song']);
  });

  it.each([
    ['a redirect', (response: ServerResponse) => response.writeHead(302, { location: '/song' }).end(), 'HTTP 302'],
    ['an expired link', (response: ServerResponse) => response.writeHead(403).end(), 'HTTP 403'],
    ['no song', (response: ServerResponse) => response.end('words'), 'it is no song'],
    ['too large a song', (response: ServerResponse) => response.end(Buffer.alloc(10_000_001)), 'too large'],
    ['endless bytes', (response: ServerResponse) => response.write(Buffer.alloc(10_000_001)), 'too large'],
    [
      'a compressed song',
      (response: ServerResponse) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(song),
      'compressed',
    ],
  ] as const)('fault: %s is given up at once, and nothing is left', async (_, answer, why) => {
    const { url, asked } = await host({ '/x': answer });
    const { result, files } = await fetched(url, [`${url}/x`]);
    expect(result).toMatchObject({ ok: false, why: expect.stringContaining(why) });
    expect(asked).toEqual(['/x']);
    expect(files).toEqual([]);
  });

  it('fault: a host that never answers is given up at the deadline', async () => {
    const { url } = await host({ '/x': () => undefined });
    expect((await fetched(url, [`${url}/x`], { timeoutMs: 100 })).result.ok).toBe(false);
  });
});

describe('a link that leads where it must not', () => {
  it.each([
    'https://10.0.0.1/song.mp3',
    'https://localhost/song.mp3',
    'http://169.254.169.254/latest/meta-data',
    'https://metadata.google.internal/x',
    'http://songs.example/song.mp3',
    'https://songs.example:8443/song.mp3',
    'https://user:secret@songs.example/song.mp3',
    'https://[::1]/song.mp3',
    'file:///etc/passwd',
  ])('%s is refused without a look-up', async (link) => {
    const { dials, connect } = recordingConnector();
    const resolve = () => Promise.reject(new Error('asked'));
    const { result } = await fetched('https://api.302.ai', [link], { network: { resolve, connect } });
    expect(result).toEqual({ ok: false, why: 'its address is not allowed' });
    expect(dials).toEqual([]);
  });

  it('fault: a public name with a private address is looked up once and never dialled', async () => {
    for (const address of ['10.0.0.1', '127.0.0.1', '169.254.169.254', '::1', 'fd00::1']) {
      const { dials, connect } = recordingConnector();
      const asked: string[] = [];
      const resolve = async (name: string) => {
        asked.push(name);
        return ['93.184.216.34', address];
      };
      const link = 'https://songs.example/song.mp3';
      const { result } = await fetched('https://api.302.ai', [link], { network: { resolve, connect } });
      expect(result).toEqual({ ok: false, why: 'its address is not allowed' });
      expect(asked).toEqual(['songs.example']);
      expect(dials).toEqual([]);
    }
  });

  it('only the origin of the upstream itself may be private, not its neighbour', async () => {
    const [own, neighbour] = [await host(), await host()];
    expect((await fetched(own.url, [`${neighbour.url}/song`])).result.ok).toBe(false);
    expect(neighbour.asked).toEqual([]);
  });
});
