import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ROOT, runTool } from './run-tool.ts';

/** `npm test` itself, on test files made for the purpose. */
describe('the closing lines of npm test', () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'sgm-'));
    symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
    writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
    writeFileSync(join(folder, 'vitest.config.mjs'), 'export default {};');
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  /** Writes the test files, each with vitest's functions imported, and runs `scripts/test.mjs` on them. */
  async function run(files: Record<string, string>, args: readonly string[] = [], env: Record<string, string> = {}) {
    mkdirSync(join(folder, 'tests'));
    for (const [name, text] of Object.entries(files)) {
      const imports = `import { beforeAll, describe, expect, it } from 'vitest';\n`;
      writeFileSync(join(folder, 'tests', `${name}.test.ts`), imports + text);
    }
    const { code, output } = await runTool('node', ['scripts/test.mjs', '--root', folder, ...args], { env });
    return { code, output, last: output.trimEnd().split('\n').at(-1) };
  }

  it('count what passed, name the slowest, and end with the sum', async () => {
    const { code, output, last } = await run({ one: `it('adds', () => expect(1 + 1).toBe(2)); it('b', () => {});` });
    expect(last).toBe('2 passed, 0 failed');
    expect(output).toMatch(/slowest tests:\n {2}\d+\.\d\d s {2}tests\/one\.test\.ts > /);
    expect(code).toBe(0);
  });

  it('show a failure in full and fail', async () => {
    const { code, output, last } = await run({ one: `it('adds', () => expect(1 + 1, 'the sum').toBe(3));` });
    expect(output).toContain('tests/one.test.ts > adds');
    expect(output).toContain('the sum: expected 2 to be 3');
    expect(last).toBe('0 passed, 1 failed');
    expect(code).toBe(1);
  });

  it('name skipped tests with their reasons', async () => {
    const { code, output, last } = await run({ one: SKIPS });
    expect(output).toContain('tests/one.test.ts > sings > loud: needs a-choir on PATH');
    expect(output).toContain('tests/one.test.ts > later: no time today');
    expect(last).toBe('1 passed, 0 failed, 2 skipped');
    expect(code).toBe(0);
  });

  it('take a skipped test for a failed one where everything is required', async () => {
    const { code, last } = await run({ one: SKIPS }, [], { SONGMILL_REQUIRE_ALL: '1' });
    expect(last).toBe('1 passed, 2 failed');
    expect(code).toBe(1);
  });

  it('count errors outside of tests: a file that does not load, a failed hook, an unhandled rejection', async () => {
    const { code, output, last } = await run({
      loads: `throw new Error('does not load');`,
      hook: `describe('group', () => { beforeAll(() => { throw new Error('no set-up'); }); it('a', () => {}); });`,
      rejects: `it('a', () => { void Promise.reject(new Error('nobody waits')); });`,
    });
    for (const text of ['does not load', 'no set-up', 'nobody waits', 'the set-up before it failed']) {
      expect(output).toContain(text);
    }
    expect(last).toBe('1 passed, 3 failed, 1 skipped');
    expect(code).toBe(1);
  });

  it('fail when no test was run, and on arguments that nobody knows', async () => {
    const none = await run({ one: `it('a', () => {});` }, ['no-such-file']);
    expect(none.last).toBe('0 passed, 1 failed');
    expect(none.code).toBe(1);
    rmSync(join(folder, 'tests'), { recursive: true });
    const unknown = await run({ one: `it('a', () => {});` }, ['--no-such-option']);
    expect(unknown.last).toBe('0 passed, 1 failed');
    expect(unknown.code).toBe(1);
  });

  it('refuse a test marked only, which would hide the others', async () => {
    const { code, output } = await run({ one: `it.only('a', () => {}); it('b', () => {});` });
    expect(output).toContain('.only');
    expect(code).toBe(1);
  });
});

const SKIPS = `
  describe('sings', { skip: true, meta: { missing: 'needs a-choir on PATH' } }, () => { it('loud', () => {}); });
  it('later', (context) => context.skip('no time today'));
  it('now', () => {});
`;
