import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { expect, it } from 'vitest';
import { EXIT } from './exit.ts';
import type { Io } from './io.ts';
import { createProgram, VERSION } from './program.ts';

const program = createProgram({ stdout: process.stdout, stderr: process.stderr } as unknown as Io, () => undefined);
const read = (path: string) => readFile(new URL(path, import.meta.url), 'utf8');

function leaves(command: Command, path: readonly string[] = []): string[] {
  const inner = command
    .createHelp()
    .visibleCommands(command)
    .filter((each) => each.name() !== 'help');
  if (inner.length === 0) return [path.join(' ')];
  return inner.flatMap((each) => leaves(each, [...path, each.name()]));
}

it('the page of the command line names every command and every exit code', async () => {
  const page = await read('../../../../docs/command-line.md');
  const commands = leaves(program).filter((command) => command !== 'completion');
  expect(commands).toContain('batch submit');
  expect(commands.filter((command) => !new RegExp(`[\`]${command}[\` ]`).test(page))).toEqual([]);
  expect(Object.values(EXIT).filter((exit) => !page.includes(`| ${exit} |`))).toEqual([]);
});

it('every command and every option that is not plain says what it does', () => {
  const silent: string[] = [];
  const visit = (command: Command) => {
    if (command !== program && command.commands.length === 0 && !command.description()) silent.push(command.name());
    for (const each of command.commands) visit(each);
  };
  visit(program);
  expect(silent.filter((name) => name !== 'complete-words')).toEqual([]);
});

it('the version is that of the package', async () => {
  expect((JSON.parse(await read('../../package.json')) as { version: string }).version).toBe(VERSION);
});
