import { expect, it } from 'vitest';
import { runTool } from './run-tool.ts';

it('no file, export or dependency is unused, and none is missing', async () => {
  const { code, output } = await runTool('knip', ['--no-progress', '--no-config-hints']);
  expect(code, output).toBe(0);
});
