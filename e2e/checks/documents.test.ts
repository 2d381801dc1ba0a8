import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { blocksOf, documentedPages, readCodeBlocks } from './code-blocks.ts';
import { ROOT } from './run-tool.ts';

/** `page#number` of every block that some test asks for by `codeBlock('page', number)`. */
function blocksThatAreRun(): Set<string> {
  const tests = globSync(['e2e/**/*.test.ts', 'packages/*/src/**/*.test.ts'], { cwd: ROOT });
  const calls = tests.flatMap((file) => [
    ...readFileSync(join(ROOT, file), 'utf8').matchAll(/\bcodeBlock\('([^']+)', (\d+)\)/g),
  ]);
  return new Set(calls.map(([, page, number]) => `${page}#${number}`));
}

describe('README and docs', () => {
  it('have code blocks that are run by a test, are JSON that parses, or are marked text', () => {
    const run = blocksThatAreRun();
    const idle = documentedPages()
      .flatMap(readCodeBlocks)
      .filter(({ file, number, language }) => {
        if (run.has(`${file}#${number}`)) return false;
        return language !== 'text' && language !== 'mermaid' && language !== 'json' && language !== 'jsonl';
      })
      .map(({ file, line, number, language }) => `${file}:${line}: block ${number} (${language || 'no language'})`);
    expect(idle, 'ask for each by codeBlock(page, number) in a test that runs it').toEqual([]);
  });

  it('have JSON blocks that parse', () => {
    for (const block of documentedPages().flatMap(readCodeBlocks)) {
      const place = `${block.file}:${block.line}`;
      if (block.language === 'json') expect(() => JSON.parse(block.text), place).not.toThrow(SyntaxError);
      if (block.language !== 'jsonl') continue;
      for (const line of block.text.split('\n').filter((text) => text !== '')) {
        expect(() => JSON.parse(line), place).not.toThrow(SyntaxError);
      }
    }
  });

  it('are asked only for blocks that they have', () => {
    const present = new Set(
      documentedPages().flatMap((page) => readCodeBlocks(page).map((b) => `${page}#${b.number}`)),
    );
    expect([...blocksThatAreRun()].filter((block) => !present.has(block))).toEqual([]);
  });
});

describe('a page with code blocks', () => {
  it('gives them with place, language and text, also those in lists', () => {
    const page = ['a', '```sh', 'npm start', '```', '- b', '  ```', '  {"a": 1}', '    indented', '  ```', ''].join(
      '\n',
    );
    expect(blocksOf(page, 'x.md')).toEqual([
      { file: 'x.md', number: 1, line: 2, language: 'sh', text: 'npm start\n' },
      { file: 'x.md', number: 2, line: 6, language: '', text: '{"a": 1}\n  indented\n' },
    ]);
  });

  it('must close them', () => {
    expect(() => blocksOf('```sh\nnpm start', 'x.md')).toThrow('x.md:1');
  });
});
