import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, realpath, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ROOT } from '@songmill/shared/testing/processes';
import { NotHere } from './small-run.ts';

const run = promisify(execFile);

/** The last build before the work on this suite began. */
const OLD_COMMIT = '5d635e9';
const PACKAGES = ['shared', 'worker'];

export interface OldBuild {
  /** The worker's program, to be run with `env`. */
  readonly worker: string;
  readonly env: Readonly<Record<string, string>>;
  stop(): Promise<void>;
}

/**
 * The worker of an older commit, as its sources run by Node; it uses the dependencies that are installed here.
 * @throws NotHere when the history does not reach back that far
 */
export async function takeOldBuild(): Promise<OldBuild> {
  const folder = await mkdtemp(join(tmpdir(), 'sgm-old-'));
  const stop = () => rm(folder, { recursive: true, force: true });
  const archive = join(folder, 'old.tar');
  try {
    await run('git', ['-C', ROOT, 'archive', '--output', archive, OLD_COMMIT, 'packages']);
  } catch {
    await stop();
    throw new NotHere(`the history does not hold ${OLD_COMMIT}`);
  }
  await run('tar', ['-xf', archive, '-C', folder]);
  for (const name of PACKAGES) await linkDependencies(folder, name);
  return {
    worker: join(folder, 'packages/worker/src/main.ts'),
    env: { NODE_OPTIONS: '--conditions=source' },
    stop,
  };
}

/** Everything but our own packages, which have to be the old ones. */
async function linkDependencies(folder: string, name: string): Promise<void> {
  const from = join(ROOT, 'packages', name, 'node_modules');
  const into = join(folder, 'packages', name, 'node_modules');
  await mkdir(join(into, '@songmill'), { recursive: true });
  for (const each of PACKAGES) await symlink(join(folder, 'packages', each), join(into, '@songmill', each));
  for (const entry of await readdir(from)) {
    if (entry === '@songmill' || entry.startsWith('.')) continue;
    await symlink(await realpath(join(from, entry)), join(into, entry));
  }
}
