import { defineConfig } from 'vitest/config';

/**
 * The test projects. All resolve our packages to their sources (condition `source`), so only tests
 * that start whole processes need a build. Time limits allow for a busy machine with two cores.
 */
/** Left out by `npm test -- --quick`: bounds of memory, and long random runs. */
const slow = process.env['SONGMILL_TEST_QUICK'] === '1' ? ['**/*memory.test.ts', '**/s3-agreement.test.ts'] : [];
const redisTests = 'packages/*/src/**/*.redis.test.ts';

/** Groups run one after the other, so that tests of whole processes have the machine to themselves. */
const group = { modules: 0, wholeSystem: 1, chaos: 2, launcher: 3, bench: 4 };

function project(
  name: string,
  options: { include: string[]; exclude?: string[]; seconds: number; groupOrder: number; fileParallelism?: boolean },
) {
  return {
    extends: true as const,
    test: {
      name,
      include: options.include,
      exclude: ['**/node_modules/**', '**/dist/**', ...slow, ...(options.exclude ?? [])],
      testTimeout: options.seconds * 1000,
      hookTimeout: options.seconds * 1000,
      sequence: { groupOrder: options.groupOrder },
      fileParallelism: options.fileParallelism ?? true,
    },
  };
}

export default defineConfig({
  resolve: { conditions: ['source', 'module', 'node'] },
  ssr: { resolve: { conditions: ['source', 'module', 'node'], externalConditions: ['source', 'node'] } },
  test: {
    environment: 'node',
    pool: 'forks',
    // One more than the cores of the smallest machine: tests of whole systems mostly wait.
    maxWorkers: 3,
    execArgv: ['--conditions=source'],
    setupFiles: ['packages/shared/src/testing/leftovers.setup.ts'],
    // A test that hangs must not hide behind a worker that never ends.
    teardownTimeout: 30_000,
    restoreMocks: true,
    projects: [
      project('unit', {
        include: ['packages/*/src/**/*.test.ts'],
        exclude: [redisTests],
        seconds: 30,
        groupOrder: group.modules,
      }),
      project('redis', { include: [redisTests], seconds: 60, groupOrder: group.modules }),
      project('checks', { include: ['e2e/checks/**/*.test.ts'], seconds: 180, groupOrder: group.modules }),
      project('e2e', {
        include: ['e2e/**/*.test.ts'],
        exclude: ['e2e/checks/**', 'e2e/launcher/**', 'e2e/chaos/mixed-run.test.ts'],
        seconds: 180,
        groupOrder: group.wholeSystem,
      }),
      project('chaos', { include: ['e2e/chaos/mixed-run.test.ts'], seconds: 300, groupOrder: group.chaos }),
      project('launcher', {
        include: ['e2e/launcher/**/*.test.ts'],
        seconds: 180,
        groupOrder: group.launcher,
        fileParallelism: false,
      }),
      project('bench', {
        include: ['bench/**/*.test.ts'],
        seconds: 180,
        groupOrder: group.bench,
        fileParallelism: false,
      }),
    ],
  },
});
