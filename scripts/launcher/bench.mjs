import { existsSync } from 'node:fs';
import path from 'node:path';
import { LauncherError } from './failure.mjs';
import { findRedis } from './redis-binary.mjs';
import { setUp } from './set-up.mjs';
import { runSupervised } from './supervised-command.mjs';

/**
 * `npm run bench`: set up, then the benchmarks, which start what they measure themselves.
 *
 * @returns {Promise<number>} their exit code
 */
export async function run({ root, args, report, stop }) {
  const entry = path.join(root, 'bench', 'main.ts');
  if (!existsSync(entry)) throw new LauncherError('bench/main.ts is missing');
  await setUp({ root, report, signal: stop.signal });
  const redis = await findRedis({ root, report, signal: stop.signal });
  const env = {
    ...process.env,
    SONGMILL_REDIS_SERVER: redis,
    PATH: `${process.env.PATH}${path.delimiter}${path.dirname(redis)}`,
  };
  return await runSupervised([process.execPath, entry, ...args], { cwd: root, env, stop });
}
