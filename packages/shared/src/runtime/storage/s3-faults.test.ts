import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { openS3Storage } from './s3-storage.ts';
import { parseS3Url, type S3Place } from './s3-url.ts';
import type { Storage } from './storage.ts';
import { BUCKET, type Fault, KEYS, type ObjectStore, startObjectStore } from './testing/object-store.ts';
import { commitOf, someId, songOf } from './testing/storage.contract.ts';

const LIMITS = { stepMs: 1500, tryMs: 400, silenceMs: 300, pauseMs: 5 };
let store: ObjectStore;
let storage: Storage;
let spool: string;

beforeEach(async () => {
  store = await startObjectStore();
  storage = await openS3Storage(place(), KEYS, { limits: LIMITS });
  spool = await mkdtemp(join(tmpdir(), 'songmill-spool-'));
});
afterEach(async () => {
  await storage.stop();
  await store.stop();
  await rm(spool, { recursive: true });
});

function place(bucket = BUCKET): S3Place {
  return parseS3Url(`s3://${bucket}?endpoint=${store.url}`) as S3Place;
}

async function spooled(bytes: Buffer): Promise<string> {
  const path = join(spool, randomBytes(8).toString('hex'));
  await writeFile(path, bytes);
  return path;
}

/** The first `count` requests that look like this meet the fault. */
function failing(count: number, like: RegExp, fault: Fault): void {
  let left = count;
  store.fault = (line) => (like.test(line) && left-- > 0 ? fault : null);
}

describe('an object store in trouble', () => {
  it.each<[string, Fault]>([
    ['503 SlowDown', { kind: 'answer', status: 503, code: 'SlowDown' }],
    ['500', { kind: 'answer', status: 500, code: 'InternalError' }],
    ['429', { kind: 'answer', status: 429, code: 'TooManyRequests' }],
    ['silence', { kind: 'silence' }],
    ['a lost answer', { kind: 'lose the answer' }],
  ])(
    'fault: %s from the store is met with another try, and the song is stored and committed once',
    async (_, fault) => {
      const id = someId();
      const bytes = randomBytes(5000);
      const song = songOf(id, bytes);
      failing(2, /^PUT .*\.mp3/, fault);
      await storage.store(song.key, await spooled(bytes));
      expect(store.objects.get(song.key)?.bytes.equals(bytes)).toBe(true);
      failing(2, /^PUT .*result\.json/, fault);
      expect(await storage.commit(commitOf(id, song))).toEqual(commitOf(id, song));
      expect(await readdir(spool)).toEqual([]);
    },
  );

  it.each<[string, Fault]>([
    ['503', { kind: 'answer', status: 503, code: 'SlowDown' }],
    ['silence', { kind: 'silence' }],
  ])('fault: lasting %s ends within the time of the step, with the song still in the spool', async (_, fault) => {
    const song = songOf(someId(), Buffer.from('x'));
    failing(1000, /./, fault);
    const path = await spooled(Buffer.from('x'));
    await expect(storage.store(song.key, path)).rejects.toMatchObject({ name: 'StorageError', code: 'unavailable' });
    await expect(storage.check()).rejects.toMatchObject({ name: 'StorageError', code: 'unavailable' });
    expect(await readdir(spool)).toHaveLength(1);
    store.fault = () => null;
    await storage.store(song.key, path);
    await storage.check();
  });

  it('fault: a store that is not there is unavailable', async () => {
    const { url } = store;
    await store.stop();
    const lost = await openS3Storage(place(), KEYS, { limits: LIMITS });
    await expect(lost.readCommit(someId())).rejects.toMatchObject({ name: 'StorageError', code: 'unavailable' });
    await lost.stop();
    expect(url).toBe(store.url);
  });

  it('fault: a store without room is full', async () => {
    failing(1000, /^PUT/, { kind: 'answer', status: 507, code: 'XMinioStorageFull' });
    const song = songOf(someId(), Buffer.from('x'));
    await expect(storage.store(song.key, await spooled(Buffer.from('x')))).rejects.toMatchObject({ code: 'full' });
  });

  it('fault: a wrong secret is refused at once, and is nothing that a song could be missing for', async () => {
    const wrong = await openS3Storage(place(), { ...KEYS, secretAccessKey: 'wrong' }, { limits: LIMITS });
    const song = songOf(someId(), Buffer.from('x'));
    const path = await spooled(Buffer.from('x'));
    for (const step of [
      () => wrong.check(),
      () => wrong.store(song.key, path),
      () => wrong.readCommit(someId()),
      () => wrong.open(song.key),
      () => wrong.songs(someId()),
    ]) {
      const before = store.requests.length;
      await expect(step()).rejects.toMatchObject({ name: 'StorageError', code: 'unavailable', message: /403/ });
      expect(store.requests.length).toBe(before + 1);
    }
    expect(await readdir(spool)).toHaveLength(1);
    await wrong.stop();
  });

  it('fault: a bucket that is not there is never taken for a song that is not there', async () => {
    const nowhere = await openS3Storage(place('nowhere'), KEYS, { limits: LIMITS });
    const { key } = songOf(someId(), Buffer.from('x'));
    await expect(nowhere.open(key)).rejects.toMatchObject({ code: 'unavailable' });
    await expect(nowhere.readCommit(someId())).rejects.toMatchObject({ code: 'unavailable' });
    await expect(nowhere.songs(someId())).rejects.toMatchObject({ code: 'unavailable' });
    await nowhere.stop();
  });

  it('fault: a 200 for less than was sent is no success, and the song stays in the spool', async () => {
    const bytes = randomBytes(1000);
    const song = songOf(someId(), bytes);
    const path = await spooled(bytes);
    failing(1, /^PUT/, { kind: 'take less', bytes: 1 });
    await expect(storage.store(song.key, path)).rejects.toMatchObject({ code: 'unavailable' });
    expect(await readdir(spool)).toHaveLength(1);
    await storage.store(song.key, path);
    expect(store.objects.get(song.key)?.bytes.equals(bytes)).toBe(true);
  });

  it('fault: a body that is cut or stalls ends its reader with an error, never as a shorter song', async () => {
    const bytes = randomBytes(300_000);
    const song = songOf(someId(), bytes);
    await storage.store(song.key, await spooled(bytes));
    for (const kind of ['cut', 'stall'] as const) {
      failing(1, /^GET/, { kind, after: 100_000 });
      const found = await storage.open(song.key);
      expect(found?.bytes).toBe(bytes.length);
      await expect(buffer(found!.stream)).rejects.toThrow('terminated');
    }
  });

  it('a reader who leaves ends the read at the store', async () => {
    const bytes = randomBytes(3_000_000);
    const song = songOf(someId(), bytes);
    await storage.store(song.key, await spooled(bytes));
    failing(1, /^GET/, { kind: 'stall', after: 1000 });
    const found = await storage.open(song.key);
    for await (const chunk of found!.stream) {
      expect((chunk as Buffer).length).toBeGreaterThan(0);
      break;
    }
    await vi.waitFor(() => expect(store.left).toEqual([`GET /${BUCKET}/${song.key}`]), 5000);
  });

  it('songs are sent with their length and a checksum, as the store wants it, and not in chunks', async () => {
    const song = songOf(someId(), Buffer.from('a song'));
    await storage.store(song.key, await spooled(Buffer.from('a song')));
    const { headers } = store.requests.find(({ line }) => line.endsWith(song.key))!;
    expect(headers).toMatchObject({ 'content-length': '6', 'content-md5': expect.any(String) });
    expect(headers['transfer-encoding']).toBe(undefined);
  });

  it('stopping ends what is under way', async () => {
    failing(1, /./, { kind: 'silence' });
    const waiting = storage.readCommit(someId()).catch((error: unknown) => error);
    await vi.waitFor(() => expect(store.requests).toHaveLength(1), 5000);
    await storage.stop();
    expect(await waiting).toMatchObject({ name: 'StorageError', code: 'unavailable' });
    await vi.waitFor(async () => expect(await store.connections()).toBe(0), 5000);
  });
});
