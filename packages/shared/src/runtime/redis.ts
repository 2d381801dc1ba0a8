import { Redis, type RedisOptions } from 'ioredis';

/**
 * What a connection is for.
 * `request`: answers a caller, so it fails at once while Redis is away instead of queueing the command.
 * `worker`: has nobody waiting, so it waits for Redis to come back; BullMQ's workers demand it.
 */
export type RedisRole = 'request' | 'worker';

/** ioredis 6 types `replyMapping` differently in its options and its constructor; we leave it unset. */
type ConnectOptions = RedisOptions & { replyMapping?: 'legacy' };

/**
 * Options for one Redis URL (`redis://`, `rediss://`, `unix:///path.sock`, with an optional
 * `?db=` on the socket form). The retry delay is capped at 2 s: BullMQ's own default of up to
 * 20 s would be the recovery time our users see.
 */
export function redisOptions(url: string, role: RedisRole): ConnectOptions {
  const parsed = new URL(url);
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
    // A `request` command that Redis does not answer within this time becomes a 503.
    ...(role === 'request' ? { commandTimeout: 5000, connectTimeout: 5000 } : { connectTimeout: 10_000 }),
  };
  return options as ConnectOptions;
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
