import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { LauncherError } from './failure.mjs';
import { runCommand } from './run-command.mjs';

/** Libraries that every system has and that must stay its own. */
const SYSTEM = /^(libc6|libgcc-s1|libstdc\+\+6)$/;

/** Debian and its relatives only: their tools work on private lists without root. */
export function canUnpack() {
  return ['/usr/bin/apt-get', '/usr/bin/apt-cache', '/usr/bin/dpkg'].every((file) => existsSync(file));
}

/**
 * Downloads the distribution's Redis package and the libraries it names, and unpacks them, without root and without
 * touching the system. `folder` appears complete or not at all; in it, `bin/redis-server` starts the server.
 *
 * @param {{ folder: string, signal: AbortSignal }} options
 * @throws {LauncherError} when a download fails or the server does not run
 */
export async function unpackRedis({ folder, signal }) {
  const work = `${folder}.${process.pid}`;
  rmSync(work, { recursive: true, force: true });
  for (const name of ['lists/partial', 'cache/archives/partial', 'debs', 'root', 'bin']) {
    mkdirSync(path.join(work, name), { recursive: true });
  }
  try {
    const own = [`Dir::State::lists=${work}/lists`, `Dir::Cache=${work}/cache`, 'Debug::NoLocking=1'];
    const options = own.flatMap((option) => ['-o', option]);
    const debs = path.join(work, 'debs');
    await runCommand('apt-get', [...options, '-qq', 'update'], { cwd: debs, signal });
    // `redis-server` is a link into redis-tools, whose libraries are the ones needed.
    const depends = await runCommand('apt-cache', [...options, 'depends', 'redis-tools'], { cwd: debs, signal });
    const wanted = ['redis-server', 'redis-tools', ...librariesIn(depends)];
    await runCommand('apt-get', [...options, '-qq', 'download', ...wanted], { cwd: debs, signal });
    for (const deb of readdirSync(debs)) {
      await runCommand('dpkg', ['-x', path.join(debs, deb), path.join(work, 'root')], { cwd: debs, signal });
    }
    writeWrapper(work);
    await runCommand(path.join(work, 'bin', 'redis-server'), ['--version'], { cwd: work, signal });
    for (const name of ['lists', 'cache', 'debs']) rmSync(path.join(work, name), { recursive: true, force: true });
    rmSync(folder, { recursive: true, force: true });
    try {
      renameSync(work, folder);
    } catch (error) {
      // Another first run was faster; its folder is as good.
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
    }
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** @param {string} text output of `apt-cache depends` @returns {string[]} names of library packages */
export function librariesIn(text) {
  const names = [...text.matchAll(/^\s*\|?Depends: (lib[^\s<>:]+)/gm)].map(([, name]) => name);
  return [...new Set(names)].filter((name) => !SYSTEM.test(name));
}

/** Its place is found when it runs, because the folder is renamed after it was written. */
function writeWrapper(work) {
  const libraries = ['usr/lib', 'lib'].flatMap((base) => {
    const folder = path.join(work, 'root', base);
    const names = existsSync(folder) ? readdirSync(folder) : [];
    return names.filter((name) => name.includes('-linux-')).map((name) => `$here/root/${base}/${name}`);
  });
  if (libraries.length === 0) throw new LauncherError('the unpacked packages hold no libraries');
  const script = [
    '#!/bin/sh',
    'here=$(cd "$(dirname "$0")/.." && pwd)',
    `LD_LIBRARY_PATH=${libraries.join(':')}\${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}`,
    'export LD_LIBRARY_PATH',
    'exec "$here/root/usr/bin/redis-server" "$@"',
    '',
  ];
  writeFileSync(path.join(work, 'bin', 'redis-server'), script.join('\n'), { mode: 0o755 });
}
