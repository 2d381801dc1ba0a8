import { readFileSync } from 'node:fs';
import type { Redis } from 'ioredis';
import { type Keys, keysOf } from './keys.ts';

/** What every record function needs: the connection and the names of the keys. */
export interface RecordStore {
  readonly redis: Redis;
  readonly keys: Keys;
}

export function openRecordStore(redis: Redis, prefix: string): RecordStore {
  return { redis, keys: keysOf(prefix) };
}

type Reply = string | number | null | Reply[];

/**
 * One Lua script: loaded with the fragments it names in `-- @include` lines, run by its SHA-1 and
 * sent whole when Redis does not know it (a restart or SCRIPT FLUSH forgets scripts).
 * Every script takes the root of our keys as its only key; see its header for the rest.
 */
export interface Script {
  readonly name: string;
  readonly lua: string;
  run(store: RecordStore, args: readonly (string | number)[]): Promise<Reply>;
}

/** @param name a file of this folder without its ending */
export function loadScript(name: string): Script {
  const lua = withIncludes(readLua(`${name}.lua`));
  // ioredis' own command cache: EVAL once per connection, then EVALSHA, and EVAL again on NOSCRIPT.
  const command = `songmill:${name}`;
  return {
    name,
    lua,
    run(store, args) {
      const redis = store.redis as Redis & Record<string, (...args: (string | number)[]) => Promise<Reply>>;
      if (!(command in redis)) store.redis.defineCommand(command, { lua, numberOfKeys: 1 });
      return redis[command]!(store.keys.root, ...args);
    },
  };
}

export function readLua(name: string): string {
  return readFileSync(new URL(`./${name}`, import.meta.url), 'utf8');
}

function withIncludes(lua: string): string {
  return lua.replaceAll(/^-- @include (\S+)$/gm, (_line, fragment: string) => withIncludes(readLua(`lua/${fragment}`)));
}

/** JSON that Lua can read: half a character (an unpaired surrogate), which it refuses, becomes U+FFFD. */
export function jsonForLua(value: object): string {
  return JSON.stringify(value, (_key, part: unknown) => (typeof part === 'string' ? part.toWellFormed() : part));
}

/** A reply that is a flat list of words, as all our scripts answer. */
export function words(reply: Reply): string[] {
  if (!Array.isArray(reply)) throw new TypeError(`a script answered ${JSON.stringify(reply)} instead of a list`);
  return reply.map(String);
}
