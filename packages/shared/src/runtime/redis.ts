import { Redis, type RedisOptions } from 'ioredis';

/**
 * What a connection is for.
 * `request`: answers a caller, so it fails at once while Redis is away instead of queueing the command.
 * `listen`: the same for a reader that blocks for a few seconds.
 * `worker`: has nobody waiting, so it waits for Redis to come back; BullMQ's workers demand it.
 */
export type RedisRole = 'request' | 'listen' | 'worker';

/**
 * A command that Redis does not answer within `answerMs` becomes a 503. A connection that gives nothing for `silentMs`
 * while commands are open is cut: until Redis answers on a new one, every further command fails at once. What Redis got
 * before may be done by it later, which scripts and idempotency keys make harmless.
 */
const PATIENCE: Readonly<Record<RedisRole, { readonly answerMs?: number; readonly silentMs?: number }>> = {
  request: { answerMs: 1000, silentMs: 900 },
  listen: { answerMs: 5000 },
  worker: {},
};

/** ioredis 6 types `replyMapping` differently in its options and its constructor; we leave it unset. */
type ConnectOptions = RedisOptions & { replyMapping?: 'legacy' };

/**
 * Options for one Redis URL (`redis://`, `rediss://`, `unix:///path.sock`, with an optional
 * `?db=` on the socket form). The retry delay is capped at 2 s: BullMQ's own default of up to
 * 20 s would be the recovery time our users see.
 */
export function redisOptions(url: string, role: RedisRole): ConnectOptions {
  const parsed = new URL(url);
  const { answerMs, silentMs } = PATIENCE[role];
  const where: RedisOptions =
    parsed.protocol === 'unix:'
      ? { path: decodeURIComponent(parsed.pathname), db: Number(parsed.searchParams.get('db') ?? 0) }
      : {
          host: parsed.hostname.replace(/^\[|\]$/g, '') || '127.0.0.1',
          port: Number(parsed.port || 6379),
          db: Number(parsed.pathname.slice(1) || 0),
          ...(parsed.protocol === 'rediss:' ? { tls: {} } : {}),
        };
  const options: RedisOptions = {
    ...where,
    ...(parsed.username ? { username: decodeURIComponent(parsed.username) } : {}),
    ...(parsed.password ? { password: decodeURIComponent(parsed.password) } : {}),
    retryStrategy: (times) => Math.min(times * 100, 2000),
    maxRetriesPerRequest: role === 'worker' ? null : 1,
    enableOfflineQueue: role === 'worker',
    reconnectOnError: onceAWhile((error) => error.message.includes('READONLY')),
    connectTimeout: role === 'worker' ? 10_000 : 5000,
    ...(answerMs === undefined ? {} : { commandTimeout: answerMs }),
    ...(silentMs === undefined ? {} : { socketTimeout: silentMs }),
  };
  return options as ConnectOptions;
}

const RECONNECT_AGAIN_MS = 5000;

/**
 * After a failover the old primary goes on answering as a replica, and its address may lead elsewhere by now: so a
 * connection on which writes are refused is made anew, but not for each refusal, because reads go on meanwhile.
 */
function onceAWhile(concerns: (error: Error) => boolean): (error: Error) => boolean {
  let last = Number.NEGATIVE_INFINITY;
  return (error) => {
    if (!concerns(error) || performance.now() - last < RECONNECT_AGAIN_MS) return false;
    last = performance.now();
    return true;
  };
}

/**
 * Opens one connection. It connects in the background; errors go to `onError`, because an ioredis
 * client without an `error` listener prints to the console.
 */
export function connectRedis(url: string, role: RedisRole, onError: (error: Error) => void): Redis {
  const redis = new Redis(redisOptions(url, role));
  redis.on('error', onError);
  return redis;
}
