/**
 * What `npm test` prints at its end, from a plain account of the run. Pure, so that it is tested by itself.
 *
 * @typedef {{ name: string, reason: string }} Skipped
 * @typedef {{
 *   passed: number,
 *   failed: number,
 *   faults: number,
 *   skipped: Skipped[],
 *   slowest: { name: string, milliseconds: number }[],
 *   interrupted: boolean,
 * }} Account `faults` are errors outside of any test: a file that does not load, a failed hook, an unhandled rejection
 */

/**
 * @param {Account} account
 * @param {{ requireAll: boolean }} rules with `requireAll` a skipped test is a failed one
 * @returns {{ lines: string[], last: string, code: 0 | 1 }} `last` is the very last line: `N passed, N failed`
 */
export function closingLines(account, rules) {
  const lines = [];
  if (account.slowest.length > 0) {
    lines.push('slowest tests:');
    for (const test of account.slowest) lines.push(`  ${(test.milliseconds / 1000).toFixed(2)} s  ${test.name}`);
  }
  if (account.skipped.length > 0) {
    lines.push(rules.requireAll ? 'skipped, which counts as failed here:' : 'skipped:');
    for (const test of account.skipped) lines.push(`  ${test.name}: ${test.reason}`);
  }
  if (account.faults > 0) lines.push(`errors outside of tests, counted as failed: ${account.faults}`);
  const interrupted = account.interrupted ? 1 : 0;
  if (account.interrupted) lines.push('the run was interrupted, counted as failed');
  let failed = account.failed + account.faults + interrupted + (rules.requireAll ? account.skipped.length : 0);
  if (account.passed + failed === 0) {
    lines.push('no test was run, counted as a failure');
    failed = 1;
  }
  const skipped = rules.requireAll || account.skipped.length === 0 ? '' : `, ${account.skipped.length} skipped`;
  return {
    lines,
    last: `${account.passed} passed, ${failed} failed${skipped}`,
    code: failed > 0 ? 1 : 0,
  };
}
