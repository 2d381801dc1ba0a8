import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { settingsSchema } from '@songmill/shared/runtime/settings';
import { describe, expect, it } from 'vitest';
import { ROOT, runTool } from './run-tool.ts';

const generate = (...args: string[]) => runTool('node', ['--conditions=source', 'scripts/generate.mjs', ...args]);

/** The list of faults of a project that has only these test files. */
async function faultsOf(files: Record<string, string>) {
  const root = mkdtempSync(join(tmpdir(), 'sgm-'));
  try {
    for (const [file, text] of Object.entries(files)) {
      mkdirSync(dirname(join(root, file)), { recursive: true });
      writeFileSync(join(root, file), `import { describe, it } from 'vitest';\nconst f = () => {};\n${text}`);
    }
    symlinkSync(join(ROOT, 'node_modules'), join(root, 'node_modules'));
    writeFileSync(join(root, 'package.json'), '{"type":"module"}');
    const script = `import { faultList } from ${JSON.stringify(join(ROOT, 'scripts/generate/fault-list.mjs'))};
      console.log(faultList(${JSON.stringify(root)}));`;
    return await runTool('node', ['--input-type=module', '-e', script]);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

describe('the list of faults', () => {
  it('holds the titles of tests that begin with the word, by file, and no other', async () => {
    const { output } = await faultsOf({
      'e2e/worker.e2e.test.ts': `
        describe('a worker', () => { it("fault: the worker's disk is full", f); it('plays', f); });
        it('fault: killed', f);`,
      'packages/a/src/a.test.ts': `it.each(['odd hex', 'no hex'])('fault: %s', f);`,
      'packages/a/src/b.test.ts': `it('no fault: here', f);`,
      'e2e/checks/list.test.ts': `it('fault: not one', f);`,
    });
    expect(output.slice(output.indexOf('## '))).toBe(`${FAULTS.join('\n')}\n\n`);
  });

  it('says why when a test file does not load', async () => {
    const { code, output } = await faultsOf({ 'e2e/a.test.ts': `it('fault: x', f); throw new Error('not today');` });
    expect(code).toBe(1);
    expect(output).toContain('not today');
  });
});

const FAULTS = [
  '## e2e/worker.e2e.test.ts',
  '',
  "- the worker's disk is full",
  '- killed',
  '',
  '## packages/a/src/a.test.ts',
  '',
  '- odd hex',
  '- no hex',
];

describe('generated files are what their sources say', () => {
  it.each([
    ['.env.example is what the settings say', '.env.example'],
    ['docs/configuration.md lists every setting', 'docs/configuration.md'],
    ['e2e/faults.md is generated from test titles', 'e2e/faults.md'],
  ])('%s', async (_title, file) => {
    const { code, output } = await generate('--check', file);
    expect(code, output).toBe(0);
  });

  it('and so is every other one', async () => {
    const { code, output } = await generate('--check');
    expect(code, output).toBe(0);
  });

  it('every setting stands in both of its files, and no secret has a default that is one', () => {
    const example = readFileSync(join(ROOT, '.env.example'), 'utf8');
    const page = readFileSync(join(ROOT, 'docs', 'configuration.md'), 'utf8');
    for (const name of Object.keys(settingsSchema.shape)) {
      expect(example).toMatch(new RegExp(`^#${name}=`, 'm'));
      expect(page).toContain(`| \`${name}\` |`);
    }
    expect(example).toMatch(/^#API_KEY=$/m);
    expect(example).toMatch(/^#UPSTREAM_API_KEY=$/m);
  });
});
