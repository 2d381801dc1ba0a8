import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { closingLines } from './checks/closing-lines.mjs';

/**
 * Runs the tests: `node scripts/test.mjs [--quick] [vitest arguments]`, after install and build, under
 * the project's own Node. `--quick` leaves out the projects that start whole processes, and the slowest files. The very last
 * line is `N passed, N failed`; the exit code is 0 only when none failed and some passed.
 */
const root = fileURLToPath(new URL('..', import.meta.url));
const QUICK = ['unit', 'redis', 'checks'];

const given = process.argv.slice(2);
const quick = given.includes('--quick');
const filters = given.filter((argument) => argument !== '--quick' && argument !== '--');
const folder = mkdtempSync(join(tmpdir(), 'sgm-'));
const accountFile = join(folder, 'account.json');

const child = spawn(
  process.execPath,
  [
    join(root, 'node_modules', 'vitest', 'vitest.mjs'),
    'run',
    ...['--reporter', join(root, 'scripts', 'checks', 'reporter.mjs')],
    // An `.only` left in a file would hide every other test of it.
    '--allowOnly=false',
    ...(quick ? QUICK.flatMap((name) => ['--project', name]) : []),
    ...filters,
  ],
  {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, SONGMILL_TEST_ACCOUNT: accountFile, ...(quick ? { SONGMILL_TEST_QUICK: '1' } : {}) },
  },
);
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
child.on('error', (error) => console.error(error));
child.on('close', (code, signal) => {
  const account = existsSync(accountFile) ? JSON.parse(readFileSync(accountFile, 'utf8')) : noAccount();
  rmSync(folder, { recursive: true, force: true });
  const closing = closingLines(account, { requireAll: process.env.SONGMILL_REQUIRE_ALL === '1' });
  // Vitest knows of failures that no reporter is told, e.g. a worker that does not end.
  const unexplained = closing.code === 0 && code !== 0;
  if (unexplained) {
    console.log(`vitest itself ended with ${signal ?? code}`);
    account.faults += 1;
  }
  const final = unexplained ? closingLines(account, { requireAll: false }) : closing;
  console.log(['', ...closing.lines, final.last].join('\n'));
  process.exitCode = final.code;
});

/** Vitest ended before it could report: bad arguments, a broken configuration, or a signal. */
function noAccount() {
  return { passed: 0, failed: 0, faults: 1, skipped: [], slowest: [], interrupted: false };
}
