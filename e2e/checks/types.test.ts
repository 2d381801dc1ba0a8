import { expect, it } from 'vitest';
import { runTool } from './run-tool.ts';

// The packages themselves are checked by the build, which comes before the tests.
it.each(['e2e', 'bench'])('the types of %s are right', async (folder) => {
  const { code, output } = await runTool('tsc', ['--pretty', 'false', '-p', folder]);
  expect(code, output).toBe(0);
});
