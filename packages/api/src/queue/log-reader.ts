import type { Part } from '@songmill/shared/runtime/lifecycle';
import type { Logger } from '@songmill/shared/runtime/logger';
import { entryOf, type LogEntry } from '@songmill/shared/runtime/records/event-log';
import type { Redis } from 'ioredis';

export interface LogReaderOptions {
  /** A connection of its own, as XREAD blocks it. */
  readonly redis: Redis;
  /** Key of the stream that all processes share. */
  readonly stream: string;
  readonly logger: Logger;
  /** Whether anybody is told. While nobody is, nothing is read. */
  readonly wanted: () => boolean;
  /** Entries in order, each once; the next ones are read when it is done. */
  readonly onEntries: (entries: readonly LogEntry[]) => Promise<void>;
  /**
   * Reading begins, at `position`. What was told before may have missed what happened meanwhile;
   * `lost` says that entries told before may be gone, or others missed: Redis has lost its tail.
   */
  readonly onStart: (position: string, lost: boolean) => Promise<void>;
}

export interface LogReader extends Part {
  /** Somebody wants to be told from now on. */
  wake(): void;
}

/** Shorter than the connection's command timeout, which so finds a connection that died in silence. */
const BLOCK_MS = 2000;
const PAGE = 500;
const RECONNECT_MS = 250;

/** Starts the one blocking reader of a process. Before the first entry of the stream stands `0-0`. */
export function startLogReader(options: LogReaderOptions): LogReader {
  const { redis, stream, logger, wanted, onEntries, onStart } = options;
  const stopping = new AbortController();
  const { signal } = stopping;
  let last: string | null = null;
  let wake = (): void => {};
  const reading = read();

  async function read(): Promise<void> {
    while (!signal.aborted) {
      if (!wanted()) {
        last = null;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
        continue;
      }
      try {
        await ready(redis, signal);
        await begin();
        await follow();
      } catch (error) {
        if (signal.aborted) return;
        logger.debug({ err: error }, 'event stream interrupted');
        // A connection that died in silence stays "ready": only a new one helps.
        if (error instanceof Error && error.message === 'Command timed out') redis.disconnect(true);
        await pause(RECONNECT_MS, signal);
      }
    }
  }

  /** The place to read on from: where we were, if Redis still knows it, else the newest entry. */
  async function begin(): Promise<void> {
    const before = last;
    const known = before !== null && before !== '0-0' && (await redis.xrange(stream, before, before)).length > 0;
    if (!known) last = (await redis.xrevrange(stream, '+', '-', 'COUNT', 1))[0]?.[0] ?? '0-0';
    await onStart(last!, before !== null && before !== last);
  }

  async function follow(): Promise<void> {
    while (!signal.aborted && wanted()) {
      const reply = await redis.xread('COUNT', PAGE, 'BLOCK', BLOCK_MS, 'STREAMS', stream, last!);
      const entries = (reply?.[0]?.[1] ?? []).map(entryOf);
      if (entries.length === 0) continue;
      await onEntries(entries);
      last = entries.at(-1)!.position;
    }
  }

  return {
    wake: () => wake(),
    async stop() {
      stopping.abort();
      wake();
      // Ends the blocked XREAD, which nothing else can.
      redis.disconnect();
      await reading;
    },
  };
}

/** Resolves once the connection takes commands. */
function ready(redis: Redis, signal: AbortSignal): Promise<void> {
  if (redis.status === 'ready') return Promise.resolve();
  return new Promise((resolve, reject) => {
    const onReady = (): void => done(resolve);
    const onAbort = (): void => done(() => reject(new Error('stopped')));
    const done = (outcome: () => void): void => {
      redis.off('ready', onReady);
      signal.removeEventListener('abort', onAbort);
      outcome();
    };
    redis.once('ready', onReady);
    signal.addEventListener('abort', onAbort, { once: true });
  });
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done, { once: true });
  });
}
