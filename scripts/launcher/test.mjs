import { existsSync } from 'node:fs';
import path from 'node:path';
import { findRedis } from './redis-binary.mjs';
import { setUp } from './set-up.mjs';
import { runSupervised } from './supervised-command.mjs';

/**
 * `npm test`: set up, then the test runner. It never touches ./data; tests that need a Redis start their own from
 * the server that is found here.
 *
 * @returns {Promise<number>} the runner's exit code
 */
export async function run({ root, args, report, stop }) {
  await setUp({ root, report, signal: stop.signal });
  const redis = await findRedis({ root, report, signal: stop.signal });
  const env = {
    ...process.env,
    SONGMILL_REDIS_SERVER: redis,
    PATH: `${process.env.PATH}${path.delimiter}${path.dirname(redis)}`,
  };
  const runner = path.join(root, 'scripts', 'test.mjs');
  const command = existsSync(runner) ? [process.execPath, runner, ...args] : ['pnpm', 'exec', 'vitest', 'run', ...args];
  return await runSupervised(command, { cwd: root, env, stop });
}
