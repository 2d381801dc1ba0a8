import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Song } from '../../records/types.ts';
import type { Commit, Storage } from '../storage.ts';
import { StorageError } from '../storage-error.ts';

/** A storage for one test, empty at first. `again` opens the same place a second time, as another process would. */
export interface ContractSubject {
  readonly storage: Storage;
  again(): Promise<Storage>;
  /** Puts this text where the commit of a generation is. */
  damage(generationId: string, text: string): Promise<void>;
  /** Removes what the test left. */
  stop(): Promise<void>;
}

/** A new generation id. */
export function someId(): string {
  return `gen_${randomBytes(16).toString('hex')}`;
}

/** What a commit would say of this song. */
export function songOf(generationId: string, bytes: Buffer, token = randomBytes(12).toString('hex')): Song {
  return {
    token,
    key: `${generationId}/${token}.mp3`,
    kind: 'song',
    format: 'mp3',
    bytes: bytes.length,
    duration_ms: 1000,
    sha256: createHash('sha256').update(bytes).digest('hex'),
    trace_id: null,
  };
}

export function commitOf(generationId: string, song: Song): Commit {
  return { generation_id: generationId, song, committed_at: '2026-01-31T12:00:00.000Z' };
}

/** What every driver promises, as tests: call it inside a test file with a way to make a subject. */
export function storageContract(name: string, make: () => Promise<ContractSubject>): void {
  describe(`a storage keeps its promises: ${name}`, () => {
    let subject: ContractSubject;
    let storage: Storage;
    let spool: string;
    beforeEach(async () => {
      subject = await make();
      ({ storage } = subject);
      spool = await mkdtemp(join(tmpdir(), 'songmill-spool-'));
    });
    afterEach(async () => {
      await storage.stop();
      await subject.stop();
      await rm(spool, { recursive: true });
    });

    async function spooled(bytes: Buffer): Promise<string> {
      const path = join(spool, randomBytes(8).toString('hex'));
      await writeFile(path, bytes);
      return path;
    }

    async function stored(id: string, bytes: Buffer): Promise<Song> {
      const song = songOf(id, bytes);
      await storage.store(song.key, await spooled(bytes));
      return song;
    }

    it('a stored song is read back whole, by everyone, and its file has moved', async () => {
      const id = someId();
      const bytes = randomBytes(200_000);
      const song = await stored(id, bytes);
      expect(await readdir(spool)).toEqual([]);
      const other = await subject.again();
      for (const each of [storage, other]) {
        const found = await each.open(song.key);
        expect(found?.bytes).toBe(bytes.length);
        expect((await buffer(found?.stream as Readable)).equals(bytes)).toBe(true);
      }
      await other.stop();
    });

    it('a range is read with both ends, and one past the end stops at the end', async () => {
      const id = someId();
      const song = await stored(id, Buffer.from('0123456789'));
      const part = async (start: number, end: number) => {
        const found = await storage.open(song.key, { start, end });
        const text = (await buffer(found?.stream as Readable)).toString();
        expect(found?.bytes).toBe(text.length);
        return text;
      };
      expect(await part(0, 0)).toBe('0');
      expect(await part(3, 5)).toBe('345');
      expect(await part(9, 9)).toBe('9');
      expect(await part(8, 99)).toBe('89');
      await expect(storage.open(song.key, { start: 10, end: 10 })).rejects.toBeInstanceOf(StorageError);
    });

    it('the file of a reference is kept like a song, without a commit, and goes the same way', async () => {
      const id = `ref_${randomBytes(16).toString('hex')}`;
      const key = `${id}/${randomBytes(12).toString('hex')}.wav`;
      await storage.store(key, await spooled(Buffer.from('a voice')), { withName: true });
      const found = await storage.open(key);
      expect((await buffer(found?.stream as Readable)).toString()).toBe('a voice');
      await storage.remove(id);
      expect(await storage.open(key)).toBe(null);
    });

    it('storing once more is fine, with the file there again or gone', async () => {
      const id = someId();
      const bytes = Buffer.from('a song');
      const song = await stored(id, bytes);
      await storage.store(song.key, await spooled(bytes));
      await storage.store(song.key, join(spool, 'gone'));
      const found = await storage.open(song.key);
      expect((await buffer(found?.stream as Readable)).equals(bytes)).toBe(true);
    });

    it('a file that never was cannot be stored, and that is no trouble of the moment', async () => {
      const { key } = songOf(someId(), Buffer.from('x'));
      await expect(storage.store(key, join(spool, 'never'))).rejects.toMatchObject({ code: 'damaged' });
    });

    it('what was never stored or committed is not there', async () => {
      const id = someId();
      expect(await storage.open(songOf(id, Buffer.from('x')).key)).toBe(null);
      expect(await storage.readCommit(id)).toBe(null);
    });

    it('the first commit wins for good, and every later one is told so', async () => {
      const id = someId();
      const first = commitOf(id, await stored(id, Buffer.from('first')));
      const second = commitOf(id, await stored(id, Buffer.from('second')));
      expect(await storage.commit(first)).toEqual(first);
      expect(await storage.commit(second)).toEqual(first);
      expect(await storage.commit(first)).toEqual(first);
      expect(await storage.readCommit(id)).toEqual(first);
    });

    it('of many commits at once through two openings one wins, and all agree which', async () => {
      const other = await subject.again();
      for (let round = 0; round < 10; round++) {
        const id = someId();
        const songs = await Promise.all(Array.from({ length: 6 }, (_, i) => stored(id, Buffer.from(`song ${i}`))));
        const answers = await Promise.all(songs.map((song, i) => (i % 2 ? storage : other).commit(commitOf(id, song))));
        expect(new Set(answers.map(({ song }) => song.key)).size).toBe(1);
        expect(await storage.readCommit(id)).toEqual(answers[0]);
      }
      await other.stop();
    });

    it('a damaged commit is said to be damaged, never taken for none', async () => {
      const id = someId();
      const good = commitOf(id, await stored(id, Buffer.from('a song')));
      await storage.commit(good);
      const foreign = commitOf(someId(), good.song);
      for (const text of ['', '{', 'null', '{}', JSON.stringify(good).slice(0, -5), JSON.stringify(foreign)]) {
        await subject.damage(id, text);
        await expect(storage.readCommit(id)).rejects.toMatchObject({ name: 'StorageError', code: 'damaged' });
      }
    });

    it('a commit of a song of another generation is refused', async () => {
      const song = songOf(someId(), Buffer.from('x'));
      await expect(storage.commit(commitOf(someId(), song))).rejects.toMatchObject({ code: 'damaged' });
    });

    it('removing takes commit and songs, twice is once, and other generations stay', async () => {
      const [id, other] = [someId(), someId()];
      const songs = [await stored(id, Buffer.from('one')), await stored(id, Buffer.from('two'))];
      const kept = await stored(other, Buffer.from('kept'));
      await storage.commit(commitOf(id, songs[0] as Song));
      await storage.remove(id);
      await storage.remove(id);
      expect(await storage.readCommit(id)).toBe(null);
      for (const { key } of songs) expect(await storage.open(key)).toBe(null);
      const found = await storage.open(kept.key);
      expect((await buffer(found?.stream as Readable)).toString()).toBe('kept');
    });

    it('after it was removed a generation can be stored again', async () => {
      const id = someId();
      await storage.commit(commitOf(id, await stored(id, Buffer.from('one'))));
      await storage.remove(id);
      const again = commitOf(id, await stored(id, Buffer.from('two')));
      expect(await storage.commit(again)).toEqual(again);
    });

    it.each([
      '',
      'gen_1',
      'gen_1/',
      'gen_1/a',
      'gen_1/a.txt',
      'gen_1/../gen_2/a.mp3',
      '../gen_1/a.mp3',
      '/gen_1/a.mp3',
      'gen_1/a/b.mp3',
      'gen_1/a.mp3\0',
      'gen_1/a.mp3\n',
      'gen_1\\a.mp3',
      'gen_%2e%2e/a.mp3',
      `gen_1/${'a'.repeat(65)}.mp3`,
      'gen_1/result.json',
    ])('%j is no key, and nothing is touched for it', async (key) => {
      const source = await spooled(Buffer.from('x'));
      await expect(storage.store(key, source)).rejects.toMatchObject({ name: 'StorageError', code: 'damaged' });
      await expect(storage.open(key)).rejects.toMatchObject({ name: 'StorageError', code: 'damaged' });
      expect(await readdir(spool)).toHaveLength(1);
    });

    it.each(['', '..', 'gen_', 'gen_../x', 'gen_a b', '.tmp', 'x'])('%j is no generation', async (id) => {
      await expect(storage.remove(id)).rejects.toMatchObject({ name: 'StorageError', code: 'damaged' });
      await expect(storage.readCommit(id)).rejects.toMatchObject({ name: 'StorageError', code: 'damaged' });
    });

    it('says how much room there is, and that it can be written to', async () => {
      await storage.check();
      const free = await storage.freeBytes();
      expect(free === null || free > 0).toBe(true);
    });

    it('has no mark until it gets one, and keeps the first', async () => {
      expect(await storage.readMark()).toBeNull();
      await Promise.all([storage.writeMark('one'), storage.writeMark('one')]);
      await storage.writeMark('two');
      expect(await storage.readMark()).toBe('one');
    });

    it('stops twice', async () => {
      await storage.stop();
      await expect(storage.stop()).resolves.toBe(undefined);
    });
  });
}
