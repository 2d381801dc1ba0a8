import { setTimeout as delay } from 'node:timers/promises';
import { ConfigError } from '@songmill/shared/runtime/config';
import { refuseUnsafeRedis, startFoundations } from '@songmill/shared/runtime/foundations/foundations';
import { type Part, stopAll } from '@songmill/shared/runtime/lifecycle';
import type { Logger } from '@songmill/shared/runtime/logger';
import { openQueue } from '@songmill/shared/runtime/queues';
import { countApiKeys } from '@songmill/shared/runtime/records/api-keys';
import { openRecordStore, type RecordStore } from '@songmill/shared/runtime/records/store';
import { connectRedis } from '@songmill/shared/runtime/redis';
import type { Settings } from '@songmill/shared/runtime/settings';
import type { Redis } from 'ioredis';
import type { ApiContext, SongStorage } from './context.ts';
import { makeFirstKey } from './operate/first-key.ts';
import { createReadiness } from './operate/readiness.ts';
import { startEventHub } from './queue/event-hub.ts';
import { createPointerAdder } from './queue/pointer-adder.ts';
import { createAuthenticator } from './request/auth.ts';
import { createRouter } from './request/router.ts';
import { presentation } from './request/show-generation.ts';
import { close, createHttpServer, LIMITS, listen, type ServerLimits } from './request/server.ts';
import { ROUTES } from './routes.ts';

export interface ApiOptions {
  readonly settings: Settings;
  readonly logger: Logger;
  /** Where the first key is written when there is no terminal. Default `./data`. */
  readonly dataDir?: string;
  /** Shows a line to the person who started the process; null or absent when there is no terminal. */
  readonly terminal?: ((line: string) => void) | null;
  readonly limits?: Partial<ServerLimits>;
  /** Where songs are, opened from STORAGE_URL. */
  readonly storage: SongStorage;
  /** How long requests under way may take to end when the process stops. */
  readonly graceMs?: number;
}

export interface Api extends Part {
  /** Where it listens, with the port it got. */
  readonly url: string;
  /** Requests held open by `Prefer: wait` now. */
  waiting(): number;
}

const GRACE_MS = 10_000;

/** How long Redis may take to connect before we listen without it; otherwise the first answers would be 503. */
const HEAD_START_MS = 1000;

/**
 * Starts the API. Redis need not be there yet: until it is, every /v1 route answers 503.
 *
 * @throws ConfigError when it would listen beyond loopback while no key exists, or when Redis is there and could lose
 *   what was accepted
 */
export async function startApi(options: ApiOptions): Promise<Api> {
  const { settings, logger, storage } = options;
  const onError = (error: Error): void => logger.debug({ err: error }, 'redis connection');
  const redis = connectRedis(settings.REDIS_URL, 'request', onError);
  const events = connectRedis(settings.REDIS_URL, 'listen', onError);
  const store = openRecordStore(redis, settings.REDIS_PREFIX);
  const queue = openQueue('generate', redis, settings.REDIS_PREFIX);
  queue.on('error', onError);
  const hub = startEventHub({
    store: openRecordStore(events, settings.REDIS_PREFIX),
    presentation: presentation({ settings }),
    logger,
  });
  const pointers = createPointerAdder(queue, logger);
  const uploadQueue = openQueue('references', redis, settings.REDIS_PREFIX);
  uploadQueue.on('error', onError);
  const uploads = createPointerAdder(uploadQueue, logger);
  const ingestQueue = openQueue('ingest', redis, settings.REDIS_PREFIX);
  ingestQueue.on('error', onError);
  const ingests = createPointerAdder(ingestQueue, logger);
  const auth = createAuthenticator({ store, apiKey: settings.API_KEY, logger });
  const minFreeBytes = settings.STORAGE_MIN_FREE_BYTES;
  const foundations = startFoundations({ store, storage, minFreeBytes, logger });
  const readiness = createReadiness(store, foundations);
  const ctx: ApiContext = { settings, logger, store, storage, pointers, uploads, ingests, hub, auth, readiness };
  const server = createHttpServer(createRouter(ctx, ROUTES), { ...LIMITS, ...options.limits });
  const stopping = new AbortController();
  let keys: Promise<void> = Promise.resolve();

  const parts: Part[] = [
    // Waits end first, so that their requests can be answered.
    hub,
    { stop: () => close(server, options.graceMs ?? GRACE_MS) },
    { stop: () => keys.catch(() => {}) },
    foundations,
    pointers,
    uploads,
    ingests,
    { stop: () => queue.close() },
    { stop: () => uploadQueue.close() },
    { stop: () => ingestQueue.close() },
    { stop: async () => redis.disconnect() },
  ];
  let stopped: Promise<void> | null = null;
  function stop(): Promise<void> {
    readiness.drain();
    stopping.abort();
    stopped ??= stopAll(parts);
    return stopped;
  }

  try {
    if (settings.API_KEY === undefined) keys = provideFirstKey(options, { redis, store }, stopping.signal);
    // Beyond loopback nothing listens without a key.
    if (!isLoopback(settings.API_HOST)) await keys;
    await Promise.race([Promise.all([readyOnce(redis), keys]), delay(HEAD_START_MS, undefined, { ref: false })]);
    await refuseUnsafeRedis(store);
    // So that storage has its mark before the first song is asked for.
    await foundations.look();
    const url = await listen(server, settings.API_HOST, settings.API_PORT);
    return { url, waiting: () => hub.size, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function readyOnce(redis: Redis): Promise<void> {
  if (redis.status === 'ready') return Promise.resolve();
  return new Promise((resolve) => {
    redis.once('ready', () => resolve());
  });
}

/** @throws ConfigError beyond loopback when no key is stored */
async function provideFirstKey(
  { settings, logger, dataDir = './data', terminal = null }: ApiOptions,
  { redis, store }: { redis: Redis; store: RecordStore },
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    try {
      if ((await countApiKeys(store)) > 0) return;
      if (!isLoopback(settings.API_HOST)) {
        throw new ConfigError([`API_KEY: required to listen on ${settings.API_HOST}, as no key is stored yet`]);
      }
      await makeFirstKey({ store, logger, dataDir, terminal });
      if ((await countApiKeys(store)) > 0) return;
    } catch (error) {
      if (error instanceof ConfigError) throw error;
      if (redis.status === 'ready') logger.warn({ err: error }, 'first API key not made yet');
    }
    // Redis is not there yet, or another process is making the key.
    await delay(200, undefined, { signal }).catch(() => {});
  }
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}
