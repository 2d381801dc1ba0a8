import { createHash, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat, unlink } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { setTimeout as wait } from 'node:timers/promises';
import type { S3mini } from 's3mini';
import { commitText, parseCommit } from './commit-file.ts';
import { COMMIT_FILE, folderOf, MARK_FILE, parseMark, placeOf } from './keys.ts';
import { AGREEMENT_TIMES, type AgreementTimes, agree } from './s3-agreement.ts';
import { connectS3, type S3Keys, type S3Limits, S3Refusal } from './s3-connection.ts';
import type { S3Place } from './s3-url.ts';
import type { Commit, SongStream, Storage } from './storage.ts';
import { asStorageError, isMissing, StorageError } from './storage-error.ts';

export interface S3Options {
  readonly limits?: Partial<S3Limits>;
  readonly agreement?: AgreementTimes;
}

/** A song gets this much more time per byte: a connection of half a megabit per second is enough. */
const EXTRA_MS_PER_BYTE = 1 / 64;

/** Readiness is asked about often, and stores bill each write. */
const CHECK_HOLDS_MS = 10_000;
const CHECK_MS = 1500;

/**
 * Songs in an object store: `<prefix><generation id>/<token>.mp3`, and `result.json` beside it, which is
 * written with `If-None-Match: *`. Where the store does not honour that, which is found out before the
 * first commit, processes agree through `commits/` beside it. `.check` shows that the store can be
 * written to. Nothing is asked of the store before it is needed, so a store that is down keeps nobody from starting.
 */
export async function openS3Storage(place: S3Place, keys: S3Keys, options: S3Options = {}): Promise<Storage> {
  const connection = await connectS3(place, keys, options.limits);
  const { run } = connection;
  const probe = `${place.prefix}.check`;
  const folderFor = (generationId: string) => {
    folderOf(generationId);
    return `${place.prefix}${generationId}/`;
  };

  async function store(key: string, sourcePath: string): Promise<void> {
    const { generationId, file } = placeOf(key);
    const name = folderFor(generationId) + file;
    const source = await measure(sourcePath);
    if (source === null) {
      // It has gone there before, or it never was.
      if ((await sizeOf(name)) === null) throw new StorageError('damaged', `there is no file to store as ${key}`);
      return;
    }
    const { bytes, md5 } = source;
    const put = async (client: S3mini) => {
      const body = createReadStream(sourcePath);
      try {
        const sent = body as unknown as ReadableStream;
        const answer = await client.putObject(name, sent, typeOf(file), undefined, undefined, bytes);
        await answer.body?.cancel();
        return { stored: storedMd5(answer.headers) };
      } finally {
        body.destroy();
      }
    };
    const headers = { 'content-md5': md5.toString('base64') };
    const { stored } = await run('storing a song', put, { headers, extraMs: bytes * EXTRA_MS_PER_BYTE });
    const whole = stored === null ? (await sizeOf(name)) === bytes : stored === md5.toString('hex');
    if (!whole) throw new StorageError('unavailable', `the store took ${key}, but something else than was sent`);
    await unlink(sourcePath);
  }

  function sizeOf(name: string): Promise<number | null> {
    return orNull(run('looking at a song', (client) => client.getContentLength(name)));
  }

  async function read(name: string): Promise<string | null> {
    return orNull(run('reading', async (client) => (await client.getObjectRaw(name)).text()));
  }

  /** @returns false when the condition in `headers` did not hold */
  async function write(name: string, text: string, headers: Record<string, string> = {}, before?: number) {
    const put = async (client: S3mini) => {
      const answer = await client.putObject(name, text, 'application/json');
      await answer.body?.cancel();
    };
    try {
      await run('writing', put, { headers, ...(before === undefined ? {} : { before }) });
      return true;
    } catch (error) {
      if (error instanceof S3Refusal && error.status === 412) return false;
      throw error;
    }
  }

  async function list(folder: string) {
    const listed = await run('listing', (client) => client.listObjects('/', folder));
    if (listed === null) throw new StorageError('unavailable', 'there is no such bucket');
    return listed.map(({ Key, LastModified }) => ({
      name: Key.slice(folder.length),
      writtenMs: new Date(LastModified).getTime(),
    }));
  }

  let honours: Promise<boolean> | null = null;
  /** Tries it on an object that is there. Only an answer is remembered. */
  function honoursConditions(): Promise<boolean> {
    honours ??= (async () => {
      await write(probe, 'x');
      try {
        return !(await write(probe, 'x', { 'if-none-match': '*' }));
      } catch (error) {
        // 400 and 501 are how stores say that they do not know the header.
        if (error instanceof S3Refusal && (error.status === 501 || error.status === 400)) return false;
        throw error;
      }
    })().catch((error: unknown) => {
      honours = null;
      throw error;
    });
    return honours;
  }

  async function commit(given: Commit): Promise<Commit> {
    const id = given.generation_id;
    if (placeOf(given.song.key).generationId !== id) throw new StorageError('damaged', 'a commit of two generations');
    const folder = folderFor(id);
    if (await honoursConditions()) {
      const won = await write(folder + COMMIT_FILE, commitText(given), { 'if-none-match': '*' });
      if (won) return given;
      const found = await readCommit(id);
      if (found === null) throw new StorageError('unavailable', `the commit of ${id} went away meanwhile`);
      return found;
    }
    const before = await readCommit(id);
    if (before !== null) return before;
    const own = `${folder}commits/`;
    const objects = {
      put: async (name: string, text: string, end: number) => void (await write(own + name, text, {}, end)),
      get: (name: string) => read(own + name),
      list: () => list(own),
    };
    const who = randomBytes(12).toString('hex');
    const agreed = await agree(objects, who, commitText(given), options.agreement ?? AGREEMENT_TIMES);
    const winner = parseCommit(agreed.text, id);
    const written = agreed.winner !== who && (await appears(folder + COMMIT_FILE, agreed.text));
    if (!written) await write(folder + COMMIT_FILE, agreed.text);
    return winner;
  }

  /** Whoever won is about to write it. Should he be gone, the others write the same for him. */
  async function appears(name: string, text: string): Promise<boolean> {
    for (let looks = 0; looks < 10; looks++) {
      if ((await read(name)) === text) return true;
      await wait(100);
    }
    return false;
  }

  async function readCommit(generationId: string): Promise<Commit | null> {
    const text = await read(folderFor(generationId) + COMMIT_FILE);
    return text === null ? null : parseCommit(text, generationId);
  }

  async function songs(generationId: string): Promise<string[]> {
    const listed = await list(folderFor(generationId));
    const names = listed.map(({ name }) => name).filter((name) => /^[^/]+\.(mp3|wav)$/.test(name));
    return names.map((name) => `${generationId}/${name}`);
  }

  async function openSong(key: string, range?: { start: number; end: number }): Promise<SongStream | null> {
    const { generationId, file } = placeOf(key);
    const name = folderFor(generationId) + file;
    const answer = await orNull(
      run('opening a song', (client) =>
        range === undefined ? client.getObjectRaw(name) : client.getObjectRaw(name, false, range.start, range.end + 1),
      ),
    );
    if (answer === null) return null;
    const bytes = Number(answer.headers.get('content-length') ?? Number.NaN);
    const wanted = range === undefined ? bytes : Math.min(bytes, range.end - range.start + 1);
    const answered =
      range === undefined || new RegExp(`^bytes ${range.start}-`).test(answer.headers.get('content-range') ?? '');
    if (answer.body === null || !answered || !Number.isInteger(bytes)) {
      await answer.body?.cancel();
      throw new StorageError('unavailable', 'the store did not answer with what was asked for');
    }
    const stream = Readable.fromWeb(answer.body);
    // A store may answer with more than was asked for, and s3rver does for `0-0`.
    return { stream: wanted < bytes ? Readable.from(firstBytes(stream, wanted)) : stream, bytes: wanted };
  }

  async function remove(generationId: string): Promise<void> {
    const folder = folderFor(generationId);
    const names = (await list(folder)).map(({ name }) => name);
    // The commit goes first and the songs last: a commit never stays behind without its song.
    const inOrder = [
      names.filter((name) => name === COMMIT_FILE),
      names.filter((name) => name.startsWith('commits/')),
      names.filter((name) => name !== COMMIT_FILE && !name.startsWith('commits/')),
    ];
    for (const group of inOrder) {
      await Promise.all(
        group.map((name) => orNull(run('removing a song', (client) => client.deleteObject(folder + name)))),
      );
    }
  }

  let marked: { readonly mark: string; readonly at: number } | null = null;
  async function readMark(): Promise<string | null> {
    if (marked !== null && performance.now() - marked.at < CHECK_HOLDS_MS) return marked.mark;
    const text = await read(place.prefix + MARK_FILE);
    if (text === null) return null;
    marked = { mark: parseMark(text), at: performance.now() };
    return marked.mark;
  }

  async function writeMark(mark: string): Promise<void> {
    const headers = (await honoursConditions()) ? { 'if-none-match': '*' } : undefined;
    if (headers === undefined && (await readMark()) !== null) return;
    await write(place.prefix + MARK_FILE, `${mark}\n`, headers);
  }

  let checkedAt = Number.NEGATIVE_INFINITY;
  async function check(): Promise<void> {
    if (performance.now() - checkedAt < CHECK_HOLDS_MS) return;
    await write(probe, 'x', {}, performance.now() + CHECK_MS);
    checkedAt = performance.now();
  }

  async function step<T>(what: string, work: () => Promise<T>): Promise<T> {
    try {
      return await asStorageError(what, () => refusalAsStorageError(work()));
    } catch (error) {
      checkedAt = Number.NEGATIVE_INFINITY;
      throw error;
    }
  }

  return {
    store: (key, sourcePath) => step('storing a song', () => store(key, sourcePath)),
    commit: (given) => step('committing a song', () => commit(given)),
    readCommit: (generationId) => step('reading a commit', () => readCommit(generationId)),
    songs: (generationId) => step('listing songs', () => songs(generationId)),
    open: (key, range) => step('opening a song', () => openSong(key, range)),
    remove: (generationId) => step('removing a song', () => remove(generationId)),
    readMark: () => step('reading the mark', readMark),
    writeMark: (mark) => step('marking the storage', () => writeMark(mark)),
    freeBytes: async () => null,
    check: () => step('writing to the storage', check),
    stop: () => connection.stop(),
  };
}

/** Size and checksum of a file, so that the store can tell whether it got all of it; null when there is none. */
async function measure(path: string): Promise<{ readonly bytes: number; readonly md5: Buffer } | null> {
  try {
    const { size } = await stat(path);
    const hash = createHash('md5');
    for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
    return { bytes: size, md5: hash.digest() };
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

/** The MD5 of what the store has, if its ETag is one: with keys of its own it is something else. */
function storedMd5(headers: Headers): string | null {
  const encrypted = /kms/.test(headers.get('x-amz-server-side-encryption') ?? '');
  const tag = /^"?([0-9a-f]{32})"?$/i.exec(headers.get('etag') ?? '')?.[1];
  return encrypted || tag === undefined ? null : tag.toLowerCase();
}

async function* firstBytes(stream: Readable, bytes: number): AsyncGenerator<Buffer> {
  let left = bytes;
  for await (const chunk of stream) {
    yield (chunk as Buffer).subarray(0, left);
    left -= (chunk as Buffer).length;
    if (left <= 0) return;
  }
}

function typeOf(file: string): string {
  if (file.endsWith('.ndjson')) return 'application/x-ndjson';
  return file.endsWith('.wav') ? 'audio/wav' : 'audio/mpeg';
}

async function orNull<T>(answer: Promise<T>): Promise<T | null> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof S3Refusal && error.status === 404) return null;
    throw error;
  }
}

/** 416 asks for bytes that are not there. Anything else, like wrong keys, an operator can put right. */
async function refusalAsStorageError<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof S3Refusal)) throw error;
    throw new StorageError(error.status === 416 ? 'damaged' : 'unavailable', error.message, error);
  }
}
