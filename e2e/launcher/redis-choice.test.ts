import { mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { load } from './load.ts';

const { chooseRedis, parseVersion } = await load('redis-binary.mjs');
const { librariesIn } = await load('redis-unpack.mjs');
const { redisArguments, socketFor, socketUrl } = await load('redis-server.mjs');
const { LauncherError } = await load('failure.mjs');

/** A machine with these servers, path to version; null = a file that does not run. */
function machine(servers: Record<string, number[] | null>, more: Record<string, unknown> = {}) {
  const tried: string[] = [];
  return {
    tried,
    onPath: (name: string) => Object.keys(servers).find((file) => file === `/usr/bin/${name}`) ?? null,
    unpacked: () => Object.keys(servers).find((file) => file.startsWith('/tools/')) ?? null,
    version: async (binary: string) => servers[binary] ?? null,
    canUnpack: () => false,
    unpack: async () => {
      tried.push('unpack');
      return '/tools/fresh';
    },
    ...more,
  };
}

describe('where redis comes from', () => {
  it('takes redis-server before valkey-server before what was unpacked before', async () => {
    const all = {
      '/usr/bin/redis-server': [7, 0, 15],
      '/usr/bin/valkey-server': [8, 0, 0],
      '/tools/redis': [7, 0, 15],
    };
    expect(await chooseRedis(machine(all))).toBe('/usr/bin/redis-server');
    const { '/usr/bin/redis-server': _, ...withoutRedis } = all;
    expect(await chooseRedis(machine(withoutRedis))).toBe('/usr/bin/valkey-server');
    expect(await chooseRedis(machine({ '/tools/redis': [7, 0, 15] }))).toBe('/tools/redis');
  });

  it('passes over one that is too old or does not run, and says so when nothing else is there', async () => {
    const servers = { '/usr/bin/redis-server': [5, 0, 7], '/usr/bin/valkey-server': null };
    await expect(chooseRedis(machine(servers))).rejects.toThrow(
      /redis-server is 5\.0\.7\n.*valkey-server does not run\n.*needs a Redis server/,
    );
    expect(await chooseRedis(machine({ ...servers, '/tools/redis': [6, 2, 0] }))).toBe('/tools/redis');
  });

  it("unpacks the distribution's package only when no server is there", async () => {
    const bare = machine({}, { canUnpack: () => true });
    expect(await chooseRedis(bare)).toBe('/tools/fresh');
    expect(bare.tried).toEqual(['unpack']);
    const equipped = machine({ '/usr/bin/redis-server': [7, 0, 0] }, { canUnpack: () => true });
    await chooseRedis(equipped);
    expect(equipped.tried).toEqual([]);
  });

  it('names every way to get one, and why the unpacking failed', async () => {
    const unpack = async () => {
      throw new LauncherError('Temporary failure resolving');
    };
    const failure = await chooseRedis(machine({}, { canUnpack: () => true, unpack })).catch((error: Error) => error);
    for (const way of [
      'Temporary failure resolving',
      'apt-get',
      'dnf',
      'apk',
      'pacman',
      'brew',
      'docker',
      'REDIS_URL=',
    ]) {
      expect(failure.message).toContain(way);
    }
  });

  it('reads the version of redis and valkey', () => {
    expect(parseVersion('Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.2.1 bits=64')).toEqual([7, 0, 15]);
    expect(parseVersion('Valkey server v=8.1.1 sha=00000000:0 malloc=jemalloc-5.3.0')).toEqual([8, 1, 1]);
    expect(parseVersion('command not found')).toBeNull();
  });

  it('takes the libraries that the package names, and leaves those of the system alone', () => {
    const text = `redis-tools
  Depends: libatomic1
  Depends: libc6
 |Depends: libjemalloc2
  Depends: <awk>
  PreDepends: libfoo
  Suggests: ruby-redis
  Depends: libssl3
  Depends: libstdc++6
  Depends: libssl3`;
    expect(librariesIn(text)).toEqual(['libatomic1', 'libjemalloc2', 'libssl3']);
  });
});

describe('the private redis', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'sgm-redis-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('listens beside its data, on no port, and writes before it answers', () => {
    const { socket, temporary } = socketFor(folder);
    expect({ socket, temporary }).toEqual({ socket: path.join(folder, 'redis.sock'), temporary: null });
    const line = redisArguments({ folder, socket }).join(' ');
    expect(line).toContain('--port 0');
    expect(line).toContain('--appendonly yes --appendfsync always --save ');
    expect(line).toContain('--maxmemory-policy noeviction');
  });

  it('listens in a short private folder when the path is too long for a socket', () => {
    const long = path.join(folder, 'x'.repeat(100));
    mkdirSync(long);
    const { socket, temporary } = socketFor(long);
    try {
      expect(Buffer.byteLength(socket)).toBeLessThanOrEqual(103);
      expect(statSync(temporary).mode & 0o777).toBe(0o700);
    } finally {
      rmSync(temporary, { recursive: true });
    }
  });

  it('has a url that keeps odd characters of the path', () => {
    expect(decodeURIComponent(new URL(socketUrl('/tmp/a b#?%/redis.sock')).pathname)).toBe('/tmp/a b#?%/redis.sock');
  });
});
