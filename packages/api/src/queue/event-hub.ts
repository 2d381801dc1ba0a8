import { isSettled } from '@songmill/shared/contract/words';
import type { Part } from '@songmill/shared/runtime/lifecycle';
import type { Logger } from '@songmill/shared/runtime/logger';
import type { Redis } from 'ioredis';

/**
 * What a listener is told: its generation settled; look again, since events may have been missed;
 * or the process stops.
 */
export type HubSignal = 'settled' | 'look' | 'stop';

/** One blocking reader of the event stream per process, shared by everyone who waits. */
export interface EventHub extends Part {
  /** Calls `listener` on what concerns this generation. Answers how to stop that. */
  listen(id: string, listener: (signal: HubSignal) => void): () => void;
  /** How many listen now. */
  readonly size: number;
}

/** Shorter than the connection's command timeout, which so finds a connection that died in silence. */
const BLOCK_MS = 2000;
const PAGE = 1000;
const RECONNECT_MS = 250;

/**
 * Starts the reader. The stream is a hint: after every lost connection all listeners look at their
 * records again, so a missed event delays a wait and never loses it.
 *
 * @param redis a connection of its own, as XREAD blocks it
 */
export function startEventHub(redis: Redis, stream: string, logger: Logger): EventHub {
  const listeners = new Map<string, Set<(signal: HubSignal) => void>>();
  const stopping = new AbortController();
  const reading = read();

  async function read(): Promise<void> {
    while (!stopping.signal.aborted) {
      try {
        await ready(redis, stopping.signal);
        await follow(await newestId());
      } catch (error) {
        if (stopping.signal.aborted) return;
        logger.debug({ err: error }, 'event stream interrupted');
        // A connection that died in silence stays "ready": only a new one helps.
        if (error instanceof Error && error.message === 'Command timed out') redis.disconnect(true);
        await pause(RECONNECT_MS, stopping.signal);
      }
    }
  }

  /** The place to read on from. Redis may have lost its tail, so an id remembered by us is worth nothing. */
  async function newestId(): Promise<string> {
    const [newest] = await redis.xrevrange(stream, '+', '-', 'COUNT', 1);
    tellAll('look');
    return newest?.[0] ?? '0-0';
  }

  async function follow(from: string): Promise<void> {
    let last = from;
    while (!stopping.signal.aborted) {
      const reply = await redis.xread('COUNT', PAGE, 'BLOCK', BLOCK_MS, 'STREAMS', stream, last);
      for (const [id, fields] of reply?.[0]?.[1] ?? []) {
        last = id;
        pass(fields);
      }
    }
  }

  function pass(fields: readonly string[]): void {
    let id = '';
    let status = '';
    for (let at = 0; at + 1 < fields.length; at += 2) {
      if (fields[at] === 'id') id = fields[at + 1] as string;
      else if (fields[at] === 'status') status = fields[at + 1] as string;
    }
    if (!isSettled(status)) return;
    for (const listener of listeners.get(id) ?? []) listener('settled');
  }

  function tellAll(signal: HubSignal): void {
    for (const set of [...listeners.values()]) for (const listener of [...set]) listener(signal);
  }

  return {
    listen(id, listener) {
      const set = listeners.get(id) ?? new Set();
      listeners.set(id, set.add(listener));
      if (stopping.signal.aborted) listener('stop');
      return () => {
        set.delete(listener);
        if (set.size === 0 && listeners.get(id) === set) listeners.delete(id);
      };
    },
    get size() {
      let count = 0;
      for (const set of listeners.values()) count += set.size;
      return count;
    },
    async stop() {
      stopping.abort();
      tellAll('stop');
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
