import path from 'node:path';
import { findRedis } from './redis-binary.mjs';
import { setUp } from './set-up.mjs';
import { runSupervised } from './supervised-command.mjs';

/**
 * `npm run chaos`: set up, then the fault suite, which starts what it breaks itself.
 *
 * @returns {Promise<number>} its exit code
 */
export async function run({ root, args, report, stop }) {
  await setUp({ root, report, signal: stop.signal });
  const redis = await findRedis({ root, report, signal: stop.signal });
  const env = {
    ...process.env,
    SONGMILL_REDIS_SERVER: redis,
    PATH: `${process.env.PATH}${path.delimiter}${path.dirname(redis)}`,
  };
  return await runSupervised([process.execPath, path.join(root, 'e2e', 'chaos', 'main.ts'), ...args], {
    cwd: root,
    env,
    stop,
  });
}
