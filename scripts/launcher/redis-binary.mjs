import { accessSync, constants } from 'node:fs';
import path from 'node:path';
import { LauncherError } from './failure.mjs';
import { canUnpack, unpackRedis } from './redis-unpack.mjs';
import { runCommand } from './run-command.mjs';

/** The oldest Redis whose commands the queue library uses. */
const OLDEST = [6, 2];

export const WAYS_TO_GET_REDIS = [
  'Songmill needs a Redis server, 6.2 or newer, and found none. Any one of these is enough:',
  '  - Debian, Ubuntu:  sudo apt-get install redis-server',
  '  - Fedora, RHEL:    sudo dnf install valkey      (or: redis)',
  '  - Alpine:          sudo apk add valkey          (or: redis)',
  '  - Arch:            sudo pacman -S valkey',
  '  - macOS:           brew install redis           (or: valkey)',
  '  - a container:     docker run --rm -p 127.0.0.1:6379:6379 redis:7 redis-server --appendonly yes \\',
  '                     --appendfsync always --maxmemory-policy noeviction',
  '                     and then REDIS_URL=redis://127.0.0.1:6379 npm start',
  '  - one you have:    REDIS_URL=redis://host:6379 npm start   (rediss:// and unix:///path.sock work too)',
].join('\n');

/**
 * Where a Redis server for the private instance comes from: `redis-server` or `valkey-server` on PATH, one that an
 * earlier run unpacked, the distribution's package unpacked without root, or nowhere.
 *
 * @param {{ onPath(name: string): string | null, version(binary: string): Promise<number[] | null>,
 *   unpacked(): string | null, canUnpack(): boolean, unpack(): Promise<string> }} machine
 * @returns {Promise<string>} path of a server binary
 * @throws {LauncherError} naming every way to get one
 */
export async function chooseRedis(machine) {
  const unsuitable = [];
  for (const binary of [machine.onPath('redis-server'), machine.onPath('valkey-server'), machine.unpacked()]) {
    if (binary === null) continue;
    const version = await machine.version(binary);
    if (version !== null && isRecent(version)) return binary;
    unsuitable.push(`${binary} ${version === null ? 'does not run' : `is ${version.join('.')}`}`);
  }
  let failure = '';
  if (machine.canUnpack()) {
    try {
      return await machine.unpack();
    } catch (error) {
      if (!(error instanceof LauncherError)) throw error;
      failure = `The distribution's package could not be unpacked:\n${error.message}`;
    }
  }
  throw new LauncherError([...unsuitable, failure, WAYS_TO_GET_REDIS].filter((text) => text !== '').join('\n'));
}

/** `chooseRedis` on this machine. */
export function findRedis({ root, report, signal }) {
  const folder = path.join(root, '.tools', 'redis');
  const wrapper = path.join(folder, 'bin', 'redis-server');
  return chooseRedis({
    onPath: (name) => onPath(name, process.env.PATH ?? ''),
    unpacked: () => (isExecutable(wrapper) ? wrapper : null),
    canUnpack,
    unpack: () =>
      report.step("Redis (the distribution's package, unpacked without root into .tools)", async () => {
        await unpackRedis({ folder, signal });
        return wrapper;
      }),
    async version(binary) {
      try {
        return parseVersion(await runCommand(binary, ['--version'], { cwd: root, signal }));
      } catch (error) {
        if (error instanceof LauncherError && !signal.aborted) return null;
        throw error;
      }
    },
  });
}

/** @param {string} text e.g. `Redis server v=7.0.15 sha=…` @returns {number[] | null} */
export function parseVersion(text) {
  const match = /\bv=(\d+)\.(\d+)\.(\d+)/.exec(text);
  return match === null ? null : match.slice(1).map(Number);
}

/** @param {string} name @param {string} folders a PATH */
export function onPath(name, folders) {
  const candidates = folders.split(path.delimiter).filter(Boolean);
  return candidates.map((folder) => path.join(folder, name)).find(isExecutable) ?? null;
}

function isRecent([major = 0, minor = 0]) {
  return major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1]);
}

function isExecutable(file) {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
