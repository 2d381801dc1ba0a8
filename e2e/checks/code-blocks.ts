import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './run-tool.ts';

/** A fenced block of a page. */
export interface CodeBlock {
  /** The page from the project's root: `docs/errors.md`. */
  readonly file: string;
  /** Which block of its page, from 1. */
  readonly number: number;
  /** Line of the opening fence, from 1. */
  readonly line: number;
  /** The word after the fence, `''` when there is none. */
  readonly language: string;
  readonly text: string;
}

/** The pages whose blocks must be run or marked `text`. */
export function documentedPages(): string[] {
  const pages = readdirSync(ROOT).filter((name) => name === 'README.md' || name === 'ARCHITECTURE.md');
  const docs = readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' });
  return [...pages, ...docs.filter((name) => name.endsWith('.md')).map((name) => `docs/${name}`)].sort();
}

/** Every fenced block of a page, in order. */
export function readCodeBlocks(file: string): CodeBlock[] {
  return blocksOf(readFileSync(join(ROOT, file), 'utf8'), file);
}

/**
 * One block of a page, for the test that runs it. The check of the documents looks for exactly this
 * call with literal arguments: `codeBlock('README.md', 1)`.
 * @throws Error when the page has no such block
 * @public used by the tests of pages that have blocks to run
 */
export function codeBlock(file: string, number: number): CodeBlock {
  const block = readCodeBlocks(file)[number - 1];
  if (block === undefined) throw new Error(`${file} has no code block ${number}`);
  return block;
}

export function blocksOf(page: string, file: string): CodeBlock[] {
  const blocks: CodeBlock[] = [];
  let open: { fence: string; line: number; language: string; indent: number; lines: string[] } | undefined;
  for (const [index, line] of page.split('\n').entries()) {
    const fence = /^(\s*)(`{3,}|~{3,})\s*(\S*)/.exec(line);
    if (open === undefined) {
      if (fence === null) continue;
      open = { fence: fence[2]!, line: index + 1, language: fence[3]!, indent: fence[1]!.length, lines: [] };
    } else if (fence !== null && fence[2]!.startsWith(open.fence) && fence[3] === '') {
      const text = open.lines.map((content) => `${content}\n`).join('');
      blocks.push({ file, number: blocks.length + 1, line: open.line, language: open.language, text });
      open = undefined;
    } else {
      open.lines.push(line.slice(Math.min(open.indent, line.length - line.trimStart().length)));
    }
  }
  if (open !== undefined) throw new Error(`${file}:${open.line}: this code block has no end`);
  return blocks;
}
