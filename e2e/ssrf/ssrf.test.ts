import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ROOT } from '@songmill/shared/testing/processes';
import { expect, it } from 'vitest';

const run = promisify(execFile);
const compare = (...args: string[]) =>
  run(process.execPath, ['--conditions=source', join(ROOT, 'e2e', 'ssrf', 'main.ts'), ...args]);

it('the comparison of the address guard runs by itself, says what it did and finds no hole', async () => {
  const { stdout } = await compare('--seeds', '200', '--seed', '7');
  expect(stdout).toMatch(/^seeds 7 to 206: 2400 cases, \d{3} let through to a connection, 0 disagreements\n$/);
});

it('the comparison refuses what it cannot read', async () => {
  for (const bad of [
    ['--seeds', '0'],
    ['--seeds', 'many'],
    ['--sed', '1'],
  ]) {
    await expect(compare(...bad), bad.join(' ')).rejects.toMatchObject({ code: 2, stdout: '' });
  }
});
