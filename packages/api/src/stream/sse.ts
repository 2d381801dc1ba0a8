import type { Event } from '@songmill/shared/contract/event';
import type { Call } from '../context.ts';
import { streamHeaders } from '../request/answer.ts';

/** Server-sent events on their way to one caller. */
export interface SseStream {
  /** Sends a frame. Nothing happens once the stream has ended. */
  send(frame: string): void;
  /** True while the caller takes less than is sent. */
  readonly full: boolean;
  /** Resolves once there is room for more; false when the stream has ended. */
  drained(): Promise<boolean>;
  end(): void;
  /** Resolves when the stream has ended, whoever ended it. */
  readonly closed: Promise<void>;
}

const PING_MS = 15_000;
/** A caller that takes nothing for two pings while something waits for it is cut off; it can resume. */
const MOST_STALLED_PINGS = 2;
/** Bytes that wait in memory for one caller: from when on it is told more slowly, and when it is cut off. */
const FULL_BYTES = 65_536;
const MOST_BYTES = 4_194_304;

/**
 * Begins the answer: `retry: 3000`, and a ping every 15 s. A caller that does not read is cut off,
 * as each byte that waits for it is held in memory here.
 *
 * @param onPing what else is to be sent beside each ping
 */
export function openSse(call: Call, onPing: () => string = () => ''): SseStream {
  const { req, res } = call;
  res.writeHead(200, {
    ...streamHeaders(call),
    'Content-Type': 'text/event-stream; charset=utf-8',
    'Cache-Control': 'no-cache, no-transform',
    // Proxies in nginx' manner would hold frames back otherwise.
    'X-Accel-Buffering': 'no',
  });
  const closed = new Promise<void>((resolve) => {
    if (res.closed || res.destroyed) resolve();
    else res.once('close', () => resolve());
  });
  let stalled = 0;
  res.on('drain', () => {
    stalled = 0;
  });
  const timer = setInterval(() => {
    stalled = res.writableLength > 0 ? stalled + 1 : 0;
    if (stalled > MOST_STALLED_PINGS) res.destroy();
    else send(`: ping\n\n${onPing()}`);
  }, PING_MS);
  void closed.then(() => clearInterval(timer));

  function send(frame: string): void {
    if (res.destroyed || res.writableEnded) return;
    res.write(frame);
    if (res.writableLength > MOST_BYTES) res.destroy();
  }

  if (req.method === 'HEAD') res.end();
  else send('retry: 3000\n\n');
  return {
    send,
    get full() {
      return res.writableLength > FULL_BYTES;
    },
    async drained() {
      if (res.writableNeedDrain) {
        await new Promise<void>((resolve) => {
          res.once('drain', resolve);
          // An answer that has ended drains no more.
          void closed.then(resolve);
        });
      }
      return !res.destroyed && !res.writableEnded;
    },
    end: () => void res.end(),
    closed,
  };
}

const texts = new WeakMap<Event, string>();

/** One event as a frame. Its JSON is made once, however many are told. */
export function frameOf(id: string | number | null, event: Event): string {
  let text = texts.get(event);
  if (text === undefined) {
    text = JSON.stringify(event);
    texts.set(event, text);
  }
  return `event: ${event.type}\n${id === null ? '' : `id: ${id}\n`}data: ${text}\n\n`;
}

/** Says that what the caller knows can no longer be carried on from; what is so now follows. */
export function resetFrame(id: string | null): string {
  return frameOf(id, { type: 'reset', timestamp: new Date().toISOString(), data: {} });
}

/** Where the caller was, if it says so: `Last-Event-ID`. */
export function lastEventId({ req }: Call): string | null {
  const given = req.headers['last-event-id'];
  return typeof given === 'string' && given !== '' ? given : null;
}
