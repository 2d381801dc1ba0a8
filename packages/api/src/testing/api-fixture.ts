import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import type { Generation } from '@songmill/shared/contract/generation';
import type { Problem } from '@songmill/shared/contract/problem';
import { parseConfig } from '@songmill/shared/runtime/config';
import { openRecordStore, type RecordStore } from '@songmill/shared/runtime/records/store';
import { redisOptions } from '@songmill/shared/runtime/redis';
import { startRedis, type TestRedis } from '@songmill/shared/testing/redis';
import { Redis } from 'ioredis';
import { pino } from 'pino';
import { type Api, type ApiOptions, startApi } from '../app.ts';
import type { SongStorage } from '../context.ts';

/** The key of every API that a fixture starts. */
export const KEY = 'test-bootstrap-key';

/** Songs in memory; `fault` makes every call fail. */
export interface MemoryStorage extends SongStorage {
  readonly songs: Map<string, Buffer>;
  fault: Error | null;
  mark: string | null;
  free: number | null;
}

export interface ApiFixture {
  readonly redis: TestRedis;
  readonly store: RecordStore;
  readonly storage: MemoryStorage;
  readonly api: Api;
  readonly dir: string;
  /** Log lines so far, as written. */
  readonly logs: string[];
  /** Starts one more API on the same Redis; it is stopped with the fixture. */
  another(change?: Partial<ApiOptions>, env?: Record<string, string>): Promise<Api>;
  /** A request with the bootstrap key, unless the headers say otherwise. */
  call(path: string, init?: RequestInit): Promise<Response>;
  /** A POST of JSON. */
  post(path: string, body: unknown, headers?: Record<string, string>): Promise<Response>;
  stop(): Promise<void>;
}

/** A real Redis and an API in this process. */
export async function startFixture(
  env: Record<string, string> = {},
  change: Partial<ApiOptions> = {},
): Promise<ApiFixture> {
  const dir = await mkdtemp(join(tmpdir(), 'sgm-api-'));
  const redis = await startRedis();
  const admin = new Redis(redisOptions(redis.url, 'worker'));
  admin.on('error', () => {});
  const storage = memoryStorage();
  const logs: string[] = [];
  const apis: Api[] = [];

  async function another(more: Partial<ApiOptions> = {}, moreEnv: Record<string, string> = {}): Promise<Api> {
    const settings = parseConfig({ REDIS_URL: redis.url, API_PORT: '0', API_KEY: KEY, ...env, ...moreEnv });
    const logger = pino({ level: 'debug' }, { write: (line: string) => void logs.push(line) });
    const started = await startApi({ settings, logger, storage, dataDir: dir, graceMs: 2000, ...change, ...more });
    apis.push(started);
    return started;
  }

  const api = await another();
  const store = openRecordStore(admin, env['REDIS_PREFIX'] ?? 'songmill');
  const call = (path: string, init: RequestInit = {}) =>
    fetch(`${api.url}${path}`, { ...init, headers: { authorization: `Bearer ${KEY}`, ...init.headers } });
  return {
    ...{ redis, store, storage, api, dir, logs, another, call },
    post: (path, body, headers = {}) =>
      call(path, {
        method: 'POST',
        body: JSON.stringify(body),
        headers: { 'content-type': 'application/json', ...headers },
      }),
    async stop() {
      await Promise.all(apis.map((one) => one.stop()));
      admin.disconnect();
      await redis.stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

export function memoryStorage(): MemoryStorage {
  const songs = new Map<string, Buffer>();
  const fail = (storage: MemoryStorage): void => {
    if (storage.fault) throw storage.fault;
  };
  return {
    songs,
    fault: null,
    mark: null,
    free: null,
    async open(key, range) {
      fail(this);
      const song = songs.get(key);
      if (song === undefined) return null;
      const part = range === undefined ? song : song.subarray(range.start, range.end + 1);
      return { stream: Readable.from([part]), bytes: part.length };
    },
    async store(key, sourcePath) {
      fail(this);
      songs.set(key, await readFile(sourcePath));
    },
    async remove(id) {
      fail(this);
      for (const key of songs.keys()) if (key.startsWith(`${id}/`)) songs.delete(key);
    },
    async check() {
      fail(this);
    },
    async freeBytes() {
      fail(this);
      return this.free;
    },
    async readMark() {
      fail(this);
      return this.mark;
    },
    async writeMark(mark) {
      fail(this);
      this.mark ??= mark;
    },
  };
}

/** A request that the API accepts. */
export const ASK = { lyrics: 'la la la', refer_voice: 'vocal-1' };

export const generationOf = async (response: Response): Promise<Generation> => (await response.json()) as Generation;
export const problemOf = async (response: Response): Promise<Problem> => (await response.json()) as Problem;
