import path from 'node:path';
import { setUp } from './set-up.mjs';
import { runSupervised } from './supervised-command.mjs';

/**
 * `npm run ssrf`: set up, then the comparison of the address guard with a second implementation of it.
 *
 * @returns {Promise<number>} its exit code
 */
export async function run({ root, args, report, stop }) {
  await setUp({ root, report, signal: stop.signal });
  const entry = path.join(root, 'e2e', 'ssrf', 'main.ts');
  return await runSupervised([process.execPath, '--conditions=source', entry, ...args], {
    cwd: root,
    env: process.env,
    stop,
  });
}
