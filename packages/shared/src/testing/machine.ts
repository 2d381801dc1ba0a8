import { execFile } from 'node:child_process';
import { statfs } from 'node:fs/promises';
import { availableParallelism, cpus, release, tmpdir, totalmem, type } from 'node:os';
import { promisify } from 'node:util';
import { findProgram } from './programs.ts';

const run = promisify(execFile);

/** What the numbers were measured on, as the report names it. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memory: string;
  readonly kernel: string;
  readonly disk: string;
  readonly node: string;
  readonly redis: string;
}

/** Types of file systems as `statfs` numbers them (statfs(2)); others are told by their number. */
const FILE_SYSTEMS: Readonly<Record<number, string>> = {
  0xef53: 'ext4',
  0x58465342: 'xfs',
  0x9123683e: 'btrfs',
  0x794c7630: 'overlayfs',
  0x01021994: 'tmpfs (syncs cost nothing here)',
};

export async function describeMachine(): Promise<Machine> {
  const server = findProgram('redis-server', 'valkey-server');
  const { stdout } = await run(server ?? 'redis-server', ['--version']);
  const { type: fileSystem } = await statfs(tmpdir());
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
    kernel: `${type()} ${release()}`,
    disk: FILE_SYSTEMS[fileSystem] ?? `file system 0x${fileSystem.toString(16)}`,
    node: process.version,
    redis: /v=(\S+)/.exec(stdout)?.[1] ?? stdout.trim(),
  };
}

/** Short hash of the commit, with `+` when files differ from it; `unknown` without git. */
export async function describeCommit(root: string): Promise<string> {
  try {
    const hash = await run('git', ['rev-parse', '--short', 'HEAD'], { cwd: root });
    const status = await run('git', ['status', '--porcelain', '--untracked-files=no'], { cwd: root });
    return hash.stdout.trim() + (status.stdout === '' ? '' : '+');
  } catch {
    // A copy without its history, or a machine without git: the numbers stand, their commit is not known.
    return 'unknown';
  }
}
