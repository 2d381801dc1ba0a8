import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ROOT, runTool } from './run-tool.ts';

const SOURCES = ['packages', 'e2e', 'bench', 'scripts'];

/** What oxlint says about one place. */
interface Finding {
  readonly filename: string;
  /** Plugin and rule: `typescript-eslint(no-floating-promises)`. */
  readonly code: string;
  /** For an import wall: our reason. */
  readonly help?: string;
}

describe('the code', () => {
  it('is formatted', async () => {
    const { code, output } = await runTool('biome', ['format', '--colors=off', '--max-diagnostics=50', '.']);
    expect(code, output).toBe(0);
  });

  it('gives lint nothing to find', async () => {
    const { code, output } = await runTool('oxlint', ['--type-aware', '--deny-warnings', ...SOURCES]);
    expect(code, output).toBe(0);
  });
});

describe('lint finds what it is there for', () => {
  let folder: string;
  let found: Finding[];

  beforeAll(async () => {
    // A workspace in small, so that the walls judge the fixture by the same paths as our packages.
    folder = mkdtempSync(join(tmpdir(), 'sgm-'));
    cpSync(join(ROOT, 'e2e', 'checks', 'fixture'), folder, { recursive: true });
    cpSync(join(ROOT, '.oxlintrc.json'), join(folder, '.oxlintrc.json'));
    symlinkSync(join(ROOT, 'e2e', 'node_modules'), join(folder, 'node_modules'));
    const { code, output } = await runTool('oxlint', ['--type-aware', '-f', 'json', 'packages'], { cwd: folder });
    expect(code, output).toBe(1);
    found = (JSON.parse(output) as { diagnostics: Finding[] }).diagnostics;
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it.each([
    ['a queue.add that nobody waits for', 'packages/api/src/floating-add.ts', 'no-floating-promises'],
    ['an async callback where nobody waits', 'packages/api/src/misused-promise.ts', 'no-misused-promises'],
    ['the environment read outside the settings', 'packages/api/src/environment.ts', 'no-process-env'],
    ['an API that calls upstream', 'packages/api/src/calls-upstream.ts', 'the API never calls upstream'],
    ['an API that imports the worker', 'packages/api/src/imports-worker.ts', 'the API never calls upstream'],
    ['a worker that takes requests', 'packages/worker/src/takes-requests.ts', 'workers take no requests'],
    ['a simulator that imports the worker', 'packages/simulator/src/imports-worker.ts', 'it knows nothing of us'],
    ['a client that imports the runtime', 'packages/client/src/imports-runtime.ts', 'the public contract only'],
    ['a contract that imports the runtime', 'packages/shared/src/contract/imports-runtime.ts', 'zod and itself only'],
    ['a contract that imports a library', 'packages/shared/src/contract/imports-library.ts', 'zod and itself only'],
    ['shipped code that uses the testing folder', 'packages/worker/src/uses-testing.ts', 'only tests may use'],
    ['another package reached by its folder', 'packages/worker/src/jumps.ts', 'by their name'],
  ])('%s', (_title, file, reason) => {
    const here = found.filter((finding) => finding.filename === file);
    expect(here, JSON.stringify(found, null, 1)).toHaveLength(1);
    expect(`${here[0]?.code} ${here[0]?.help}`).toContain(reason);
  });

  it('and nothing in code that keeps to the walls', () => {
    expect(found.filter((finding) => finding.filename.includes('/allowed'))).toEqual([]);
  });
});
