import { once } from 'node:events';
import { connect } from 'node:net';
import { Readable } from 'node:stream';
import { requires } from '@songmill/shared/testing/requires';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  ASK,
  type ApiFixture,
  generationOf,
  KEY,
  memoryStorage,
  problemOf,
  startFixture,
} from '../testing/api-fixture.ts';
import { fail, publish } from '../testing/settle.ts';

const SONG = Buffer.from(Array.from({ length: 1000 }, (_, n) => n % 251));

describe('GET /v1/generations/{id}/audio', requires('redis-server|valkey-server'), () => {
  let fixture: ApiFixture;
  let path: string;
  let tag: string;
  beforeAll(async () => {
    fixture = await startFixture();
    const { id } = await generationOf(await fixture.post('/v1/generations', ASK));
    tag = `"${(await publish(fixture, id, SONG)).sha256}"`;
    path = `/v1/generations/${id}/audio`;
  });
  afterAll(async () => fixture?.stop());

  const get = (headers: Record<string, string> = {}, method = 'GET') => fixture.call(path, { headers, method });
  const bytesOf = async (response: Response) => Buffer.from(await response.arrayBuffer());

  it('the song with its type, length, tag and name', async () => {
    const response = await get();
    expect(response.status).toBe(200);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      ...{ 'content-type': 'audio/mpeg', 'content-length': '1000', 'accept-ranges': 'bytes', etag: tag },
      'x-content-type-options': 'nosniff',
    });
    expect(response.headers.get('content-disposition')).toMatch(/^inline; filename="gen_\w+\.mp3"$/);
    expect(await bytesOf(response)).toEqual(SONG);
  });

  it('HEAD says the same and sends nothing', async () => {
    const response = await get({ range: 'bytes=0-9' }, 'HEAD');
    expect([response.status, response.headers.get('content-length'), await response.text()]).toEqual([200, '1000', '']);
  });

  it.each([
    ['bytes=0-0', 0, 0],
    ['bytes=10-19', 10, 19],
    ['bytes=990-', 990, 999],
    ['bytes=-5', 995, 999],
    ['bytes=-5000', 0, 999],
    ['bytes=500-99999', 500, 999],
  ])('%s is a part', async (range, start, end) => {
    const response = await get({ range });
    expect(response.status).toBe(206);
    expect(response.headers.get('content-range')).toBe(`bytes ${start}-${end}/1000`);
    expect(response.headers.get('content-length')).toBe(String(end - start + 1));
    expect(await bytesOf(response)).toEqual(SONG.subarray(start, end + 1));
  });

  it.each(['bytes=1000-', 'bytes=2000-3000', 'bytes=-0'])('%s lies outside', async (range) => {
    const response = await get({ range });
    expect([response.status, response.headers.get('content-range')]).toEqual([416, 'bytes */1000']);
    expect((await problemOf(response)).code).toBe('range_not_satisfiable');
  });

  it.each(['bytes=0-1,5-6', 'lines=1-2', 'bytes=a-b', 'bytes', 'bytes=9-3', 'bytes=-'])(
    '%s is answered with the whole',
    async (range) => {
      const response = await get({ range });
      expect([response.status, (await bytesOf(response)).length]).toEqual([200, 1000]);
    },
  );

  it('a part is only given of the song that If-Range names', async () => {
    expect((await get({ range: 'bytes=0-1', 'if-range': tag })).status).toBe(206);
    expect((await get({ range: 'bytes=0-1', 'if-range': '"other"' })).status).toBe(200);
    expect((await get({ range: 'bytes=0-1', 'if-range': 'Sat, 01 Jan 2022 00:00:00 GMT' })).status).toBe(200);
  });

  it('what the caller has already is a 304', async () => {
    const response = await get({ 'if-none-match': tag });
    expect([response.status, await response.text()]).toEqual([304, '']);
  });

  it('before there is a song, and when there never will be, it is not ready', async () => {
    const { id } = await generationOf(await fixture.post('/v1/generations', ASK));
    expect((await problemOf(await fixture.call(`/v1/generations/${id}/audio`))).code).toBe('audio_not_ready');
    await fail(fixture, id);
    const response = await fixture.call(`/v1/generations/${id}/audio`);
    expect([response.status, (await problemOf(response)).code]).toEqual([404, 'audio_not_ready']);
  });

  it('a song that was deleted is gone, and a storage that is away is not', async () => {
    const { id } = await generationOf(await fixture.post('/v1/generations', ASK));
    const song = await publish(fixture, id, SONG);
    fixture.storage.fault = new Error('away');
    const away = await fixture.call(`/v1/generations/${id}/audio`);
    fixture.storage.fault = null;
    expect([away.status, away.headers.get('retry-after')]).toEqual([503, '5']);
    expect((await problemOf(away)).code).toBe('storage_unavailable');
    fixture.storage.songs.delete(song.key);
    const gone = await fixture.call(`/v1/generations/${id}/audio`);
    expect([gone.status, (await problemOf(gone)).code]).toEqual([410, 'gone']);
  });

  it('fault: a storage that is not mounted is away, and its songs are not gone', async () => {
    const { storage } = fixture;
    const { id } = await generationOf(await fixture.post('/v1/generations', ASK));
    await publish(fixture, id, SONG);
    const [songs, mark] = [new Map(storage.songs), storage.mark];
    storage.songs.clear();
    storage.mark = null;
    const away = await fixture.call(`/v1/generations/${id}/audio`);
    expect([away.status, (await problemOf(away)).code]).toEqual([503, 'storage_unavailable']);
    for (const [key, song] of songs) storage.songs.set(key, song);
    storage.mark = mark;
    expect((await fixture.call(`/v1/generations/${id}/audio`)).status).toBe(200);
  });

  it('a song that expired is gone even before its file is, and even for who has it cached', async () => {
    const { id } = await generationOf(await fixture.post('/v1/generations', ASK));
    await publish(fixture, id, SONG);
    const aMonthAgo = Date.now() - 30 * 86_400_000;
    await fixture.store.redis.hset(fixture.store.keys.generation(id), 'finished_at', aMonthAgo);
    const gone = await fixture.call(`/v1/generations/${id}/audio`, { headers: { 'if-none-match': '*' } });
    expect([gone.status, (await problemOf(gone)).code]).toEqual([410, 'gone']);
    const never = await fixture.another({}, { RESULT_TTL_DAYS: '0' });
    const headers = { authorization: `Bearer ${KEY}` };
    expect((await fetch(`${never.url}/v1/generations/${id}/audio`, { headers })).status).toBe(200);
    const record = await generationOf(await fetch(`${never.url}/v1/generations/${id}`, { headers }));
    expect(record.expires_at).toBeNull();
  });

  it('a name from custom_id is safe in every header and on every disk', async () => {
    const custom_id = '../../Lied "№1"; 夏.mp3';
    const { id } = await generationOf(await fixture.post('/v1/generations', { ...ASK, custom_id }));
    await publish(fixture, id, SONG);
    const response = await fixture.call(`/v1/generations/${id}/audio`);
    const disposition = response.headers.get('content-disposition') ?? '';
    expect(disposition).toBe(
      `inline; filename="__.._Lied __1_; _.mp3.mp3"; filename*=UTF-8''__.._Lied%20_%E2%84%961_%3B%20%E5%A4%8F.mp3.mp3`,
    );
  });

  it('a song that breaks off in the middle never looks whole', async () => {
    const storage = memoryStorage();
    storage.open = async () => ({ stream: Readable.from(breakOff()), bytes: 1000 });
    const other = await fixture.another({ storage });
    const response = await fetch(`${other.url}${path}`, { headers: { authorization: `Bearer ${KEY}` } });
    await expect(response.arrayBuffer()).rejects.toThrow(/terminated|aborted|closed/i);
  });

  it('a reader that stops reading is cut off', async () => {
    const storage = memoryStorage();
    let closed = false;
    storage.open = async () => {
      const stream = Readable.from(endless());
      stream.on('close', () => {
        closed = true;
      });
      return { stream, bytes: 1e12 };
    };
    const other = await fixture.another({ storage, limits: { idleMs: 500 } });
    const socket = connect(Number(new URL(other.url).port), '127.0.0.1');
    socket.on('error', () => {});
    socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${KEY}\r\n\r\n`);
    await once(socket, 'readable');
    // Nothing is read from here on: the kernel's buffers fill and nothing moves any more.
    await expect.poll(() => closed, { timeout: 30_000 }).toBe(true);
    socket.destroy();
  });
});

function* breakOff(): Generator<Buffer> {
  yield SONG.subarray(0, 100);
  throw new Error('disk error');
}

function* endless(): Generator<Buffer> {
  const chunk = Buffer.alloc(65_536);
  for (;;) yield chunk;
}
