import { unpackedHash } from '@songmill/shared/runtime/records/packed';
import { connectRedis } from '@songmill/shared/runtime/redis';
import type { Redis } from 'ioredis';
import { type ErasedSeen, erasedOf, type RecordSeen, recordOf } from './record.ts';
import type { SecretScan } from './secret-scan.ts';

/** Everything of a run that Redis holds, read key by key. Names of keys are without the root. */
export interface RedisSeen {
  readonly records: ReadonlyMap<string, RecordSeen>;
  readonly erased: ReadonlyMap<string, ErasedSeen>;
  readonly sortedSets: ReadonlyMap<string, ReadonlyMap<string, number>>;
  readonly sets: ReadonlyMap<string, ReadonlySet<string>>;
  /** Every hash but the records and those of BullMQ. */
  readonly hashes: ReadonlyMap<string, Readonly<Record<string, string>>>;
  /** Ids of `generation.succeeded` in the event stream, with the sequences that were announced. */
  readonly succeededEvents: ReadonlyMap<string, ReadonlySet<string>>;
  readonly events: number;
}

const PAGE = 500;

export async function readRedis(url: string, prefix: string, scan: SecretScan): Promise<RedisSeen> {
  const errors: Error[] = [];
  const redis = connectRedis(url, 'worker', (error) => errors.push(error));
  try {
    return await read(redis, `{${prefix}}:`, scan);
  } finally {
    redis.disconnect();
  }
}

async function read(redis: Redis, root: string, scan: SecretScan): Promise<RedisSeen> {
  const seen = {
    records: new Map<string, RecordSeen>(),
    erased: new Map<string, ErasedSeen>(),
    sortedSets: new Map<string, Map<string, number>>(),
    sets: new Map<string, Set<string>>(),
    hashes: new Map<string, Record<string, string>>(),
    succeededEvents: new Map<string, Set<string>>(),
    events: 0,
  };
  const found = new Set<string>();
  for (let cursor = '0', first = true; first || cursor !== '0'; first = false) {
    const [next, keys] = await redis.scan(cursor, 'MATCH', `${root}*`, 'COUNT', PAGE);
    cursor = next;
    // SCAN may name a key twice.
    const fresh = keys.filter((key) => !found.has(key));
    for (const key of fresh) found.add(key);
    await readPage(fresh);
  }
  return seen;

  async function readPage(keys: readonly string[]): Promise<void> {
    const types = await all<string>(keys.map((key) => ['type', key]));
    const readable = keys.map((key, i) => ({ key, type: types[i]! })).filter(({ type }) => type in READ);
    const values = await all<unknown>(readable.map(({ key, type }) => READ[type as keyof typeof READ](key)));
    for (const [i, { key, type }] of readable.entries()) keep(key.slice(root.length), type, values[i]);
    for (const [i, key] of keys.entries()) if (types[i] === 'stream') await readStream(key);
  }

  async function all<T>(commands: string[][]): Promise<T[]> {
    const replies = (await redis.pipeline(commands).exec()) ?? [];
    return replies.map(([error, value]) => {
      if (error) throw error;
      return value as T;
    });
  }

  function keep(name: string, type: string, value: unknown): void {
    const text = name.startsWith('g:') ? '' : JSON.stringify(value);
    scan.look(`Redis key ${name}`, text);
    if (name.startsWith('bull:')) return;
    if (type === 'zset') seen.sortedSets.set(name, new Map(pairsOf(value as string[]).map(([m, s]) => [m, Number(s)])));
    else if (type === 'set') seen.sets.set(name, new Set(value as string[]));
    else if (type === 'hash') keepHash(name, value as Record<string, string>);
    else if (name.startsWith('x:')) seen.erased.set(name.slice(2), erasedOf(name.slice(2), value as string));
  }

  function keepHash(name: string, stored: Record<string, string>): void {
    if (!name.startsWith('g:')) {
      seen.hashes.set(name, stored);
      return;
    }
    const id = name.slice(2);
    const hash = unpackedHash(id, stored);
    // Packing replaces words, so a secret is looked for in the record as it was.
    scan.look(`Redis key ${name}`, Object.values(hash).join('\n'));
    seen.records.set(id, recordOf(id, hash, 'packed' in stored));
  }

  async function readStream(key: string): Promise<void> {
    for (let from = '-'; ; ) {
      const page = await redis.xrange(key, from, '+', 'COUNT', PAGE);
      for (const [, fields] of page) {
        scan.look(`Redis key ${key.slice(root.length)}`, fields.join('\n'));
        if (key === `${root}events`) keepEvent(Object.fromEntries(pairsOf(fields)));
      }
      if (page.length < PAGE) return;
      from = `(${page.at(-1)![0]}`;
    }
  }

  function keepEvent(event: Record<string, string>): void {
    seen.events += 1;
    if (event['type'] !== 'generation.succeeded') return;
    const id = event['id'] ?? '';
    seen.succeededEvents.set(id, (seen.succeededEvents.get(id) ?? new Set()).add(event['sequence'] ?? ''));
  }
}

/** How the whole of a value is asked for, by its type. */
const READ = {
  string: (key: string) => ['get', key],
  hash: (key: string) => ['hgetall', key],
  list: (key: string) => ['lrange', key, '0', '-1'],
  set: (key: string) => ['smembers', key],
  zset: (key: string) => ['zrange', key, '0', '-1', 'WITHSCORES'],
};

function pairsOf(flat: readonly string[]): [string, string][] {
  const pairs: [string, string][] = [];
  for (let i = 0; i + 1 < flat.length; i += 2) pairs.push([flat[i]!, flat[i + 1]!]);
  return pairs;
}
