import path from 'node:path';
import { buildPackages } from './build.mjs';
import { installDependencies } from './install.mjs';
import { waitForLock } from './lock.mjs';

/**
 * Dependencies and build. One run at a time: two package managers in one folder break each other.
 *
 * @param {{ root: string, report: ReturnType<import('./report.mjs').createReport>, signal: AbortSignal }} context
 */
export async function setUp({ root, report, signal }) {
  const lock = await waitForLock(path.join(root, '.tools', 'setup.lock'), {
    signal,
    onWait: ({ pid }) => report.say(`another run (process ${pid}) is installing or building; waiting for it`),
  });
  try {
    await installDependencies({ root, report, signal });
    await buildPackages({ root, report, signal });
  } finally {
    lock.release();
  }
}
