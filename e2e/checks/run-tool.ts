import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { delimiter, dirname, join } from 'node:path';
import { ROOT } from '@songmill/shared/testing/processes';

export { ROOT };

export interface ToolRun {
  readonly code: number | null;
  /** stdout and stderr as they came. */
  readonly output: string;
}

export interface ToolOptions {
  readonly cwd?: string;
  /** Added to PATH and HOME, which is all the tool gets. */
  readonly env?: Readonly<Record<string, string>>;
}

/**
 * Runs one of the workspace's tools (`oxlint`, `tsc`, …) or `node` itself, under this Node and free of
 * the test runner's environment. It never throws on a bad exit code.
 */
export async function runTool(tool: string, args: readonly string[], options: ToolOptions = {}): Promise<ToolRun> {
  const tools = join(ROOT, 'node_modules', '.bin');
  const command = tool === 'node' ? process.execPath : join(tools, tool);
  // Tools call others: oxlint looks for its type-aware half on PATH.
  const path = [dirname(process.execPath), tools, process.env['PATH'] ?? ''].join(delimiter);
  const child = spawn(command, args, {
    cwd: options.cwd ?? ROOT,
    env: { PATH: path, HOME: process.env['HOME'], NO_COLOR: '1', ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output += text));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, output };
}
