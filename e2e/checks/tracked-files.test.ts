import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { requires } from '@songmill/shared/testing/requires';
import { describe, expect, it } from 'vitest';
import { ROOT, runTool } from './run-tool.ts';

/** Folders of people's machines; a relative path or a URL does not match. */
const MACHINE_PATH = /(?:^|[\s"'`(=:>]|file:\/\/)(?:\/(?:work|home|Users)\/[\w.-]+|[A-Z]:\\Users\\)/;

/** What a package registry's address looks like; the public one is named nowhere either. */
const REGISTRY = /https?:\/\/(?:[\w.-]*(?:registry|artifactory|nexus|verdaccio)[\w.-]*)\b/i;

/** The bytes 0 in the first kilobytes of a file are what git too takes for binary. */
function isText(content: Buffer): boolean {
  return !content.subarray(0, 8000).includes(0);
}

describe('tracked files', requires('git'), () => {
  const tracked = () =>
    execFileSync('git', ['ls-files', '-z'], { cwd: ROOT, encoding: 'utf8' })
      .split('\0')
      .filter((file) => file !== '' && existsSync(join(ROOT, file)));

  it('name no path of a developer’s machine and no registry host', async () => {
    const { output } = await runTool('npm', ['config', 'get', 'registry']).catch(() => ({ output: '' }));
    const host = URL.canParse(output.trim()) ? new URL(output.trim()).host : undefined;
    const found = tracked().flatMap((file) => {
      const content = readFileSync(join(ROOT, file));
      if (!isText(content)) return [];
      return content
        .toString('utf8')
        .split('\n')
        .flatMap((line, index) =>
          MACHINE_PATH.test(line) || REGISTRY.test(line) || (host !== undefined && line.includes(host))
            ? [`${file}:${index + 1}: ${line.trim().slice(0, 200)}`]
            : [],
        );
    });
    expect(found).toEqual([]);
  });

  it('are looked through by patterns that find such names and leave others alone', () => {
    const home = ['', 'home', 'jane', 'song'].join('/');
    for (const line of [`cd ${home}`, `"${home}"`, `file://${home}`]) expect(line).toMatch(MACHINE_PATH);
    for (const line of ['./data/work/x', 'https://example.com/home/jane', '/homework']) {
      expect(line).not.toMatch(MACHINE_PATH);
    }
    expect(['https://', 'registry.example.com/x'].join('')).toMatch(REGISTRY);
    expect('the model registry').not.toMatch(REGISTRY);
  });

  it('are none that the build or a run makes', () => {
    expect(tracked().filter((file) => /(^|\/)(node_modules|dist|\.tools|data|songs)\//.test(file))).toEqual([]);
  });
});
