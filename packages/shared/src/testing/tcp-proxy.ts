import { once } from 'node:events';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { mustBeEnded } from './leftovers.ts';

/** A proxy that breaks the wire between a client and Redis or an HTTP server. Faults hold until `heal`. */
export interface FaultProxy {
  readonly port: number;
  /** The target's URL with the proxy's address: `redis://…` for `redis:` and `unix:`, `http://…` for `http:`. */
  readonly url: string;
  /** Connections that are open now. */
  readonly connections: number;
  /** Resets every connection, each once this many more reply bytes went through it. */
  cutAfterBytes(bytes: number): void;
  /**
   * For the next `count` request chunks that `matching` accepts (text is looked for anywhere in the
   * chunk): the request goes through, its reply is swallowed and the connection reset. Replies to
   * requests sent before it on the same connection and not yet answered are lost with it.
   * @returns resolves once all were dropped, with how many; with fewer when `heal` or `stop` comes first
   */
  dropReplies(count: number, matching?: string | ((request: Buffer) => boolean)): Promise<number>;
  /** Holds every chunk back for this long, each way. */
  latency(milliseconds: number): void;
  /** Nothing passes in either direction; connections are accepted but stay silent. What was sent arrives after `heal`. */
  blackhole(): void;
  /** Resets every open connection (the client sees ECONNRESET). */
  resetAll(): void;
  /** Resets every connection and refuses new ones (ECONNREFUSED). */
  refuse(): void;
  /** Ends every fault, on the same port. */
  heal(): Promise<void>;
  stop(): Promise<void>;
}

interface Pair {
  readonly client: Socket;
  readonly target: Socket;
  swallowing: boolean;
  bytesLeft: number;
}

/**
 * Starts a proxy on a free loopback port.
 * @param options.to where it leads: `redis://host:port`, `unix:///path.sock` or `http://host:port`
 */
export async function startProxy(options: { readonly to: string }): Promise<FaultProxy> {
  const to = new URL(options.to);
  const pairs = new Set<Pair>();
  let latencyMs = 0;
  let silent = false;
  let cutAfter = Number.POSITIVE_INFINITY;
  let drop: { left: number; done: number; accepts: (request: Buffer) => boolean; finish: (n: number) => void } | null =
    null;

  function reset(pair: Pair): void {
    pairs.delete(pair);
    pair.client.resetAndDestroy();
    pair.target.destroy();
  }

  /** Carries one direction, in order even when the latency changes on the way. */
  function carry(pair: Pair, from: Socket, into: Socket, pass: (chunk: Buffer) => Buffer | null): void {
    let turn = Promise.resolve();
    const inTurn = (step: () => void, waitMs: number) => {
      const due = Date.now() + waitMs;
      turn = turn.then(async () => {
        if (waitMs > 0) await delay(Math.max(0, due - Date.now()));
        if (pairs.has(pair)) step();
      });
    };
    from.on('data', (chunk: Buffer) => {
      const passed = pass(chunk);
      if (passed === null) return;
      inTurn(() => {
        if (into.write(passed)) return;
        from.pause();
        into.once('drain', () => silent || from.resume());
      }, latencyMs);
    });
    from.on('end', () => inTurn(() => into.end(), latencyMs));
  }

  function replied(pair: Pair, chunk: Buffer): Buffer | null {
    if (pair.swallowing) {
      reset(pair);
      if (drop !== null) {
        drop.done += 1;
        if (drop.left === 0) endDrop();
      }
      return null;
    }
    if (chunk.length < pair.bytesLeft) {
      pair.bytesLeft -= chunk.length;
      return chunk;
    }
    const last = chunk.subarray(0, pair.bytesLeft);
    pair.bytesLeft = 0;
    pairs.delete(pair);
    // The bytes before the cut must arrive: flushed first, reset after.
    pair.client.write(last, () => reset(pair));
    return null;
  }

  function requested(pair: Pair, chunk: Buffer): Buffer {
    if (drop !== null && drop.left > 0 && !pair.swallowing && drop.accepts(chunk)) {
      drop.left -= 1;
      pair.swallowing = true;
    }
    return chunk;
  }

  function endDrop(): void {
    const ending = drop;
    drop = null;
    ending?.finish(ending.done);
  }

  function accept(client: Socket): void {
    const target =
      to.protocol === 'unix:'
        ? createConnection(decodeURIComponent(to.pathname))
        : createConnection(Number(to.port), to.hostname);
    const pair: Pair = { client, target, swallowing: false, bytesLeft: cutAfter };
    pairs.add(pair);
    carry(pair, client, target, (chunk) => requested(pair, chunk));
    carry(pair, target, client, (chunk) => replied(pair, chunk));
    client.on('error', () => reset(pair));
    target.on('error', () => reset(pair));
    client.on('close', () => pairs.delete(pair) && target.destroy());
    target.on('close', () => target.errored !== null && pairs.has(pair) && reset(pair));
    if (silent) {
      client.pause();
      target.pause();
    }
  }

  let server = createServer({ allowHalfOpen: true }, accept);
  await listen(server, 0);
  const { port } = server.address() as { port: number };

  function resetAll(): void {
    for (const pair of pairs) reset(pair);
  }
  function shut(): void {
    server.close();
    resetAll();
  }
  const ended = mustBeEnded(`proxy to ${options.to}`, shut);
  return {
    port,
    url: `${to.protocol === 'unix:' ? 'redis:' : to.protocol}//127.0.0.1:${port}`,
    get connections() {
      return pairs.size;
    },
    cutAfterBytes(bytes) {
      cutAfter = bytes;
      for (const pair of pairs) pair.bytesLeft = bytes;
    },
    dropReplies(count, matching = () => true) {
      endDrop();
      const accepts = typeof matching === 'string' ? (request: Buffer) => request.includes(matching) : matching;
      return new Promise((finish) => {
        drop = { left: count, done: 0, accepts, finish };
      });
    },
    latency(milliseconds) {
      latencyMs = milliseconds;
    },
    blackhole() {
      silent = true;
      for (const { client, target } of pairs) {
        client.pause();
        target.pause();
      }
    },
    resetAll,
    refuse: shut,
    async heal() {
      latencyMs = 0;
      silent = false;
      cutAfter = Number.POSITIVE_INFINITY;
      endDrop();
      for (const pair of pairs) {
        pair.swallowing = false;
        pair.bytesLeft = cutAfter;
        pair.client.resume();
        pair.target.resume();
      }
      if (server.listening) return;
      server = createServer({ allowHalfOpen: true }, accept);
      await listen(server, port);
    },
    async stop() {
      endDrop();
      const closed = server.listening ? once(server, 'close') : undefined;
      shut();
      await closed;
      ended();
    },
  };
}

async function listen(server: Server, port: number): Promise<void> {
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
}
