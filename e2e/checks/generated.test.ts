import { describe, expect, it } from 'vitest';
import { settingsSchema } from '@songmill/shared/runtime/settings';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT, runTool } from './run-tool.ts';

const generate = (...args: string[]) => runTool('node', ['--conditions=source', 'scripts/generate.mjs', ...args]);

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
