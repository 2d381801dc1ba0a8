import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { CliError, EXIT } from './exit.ts';
import type { Io } from './io.ts';

/** A text given as it is, as `-` for standard input, or as the name of a file. */
export async function textOfArgument(
  io: Pick<Io, 'stdin'>,
  given: string | undefined,
  file: string | undefined,
): Promise<string | undefined> {
  if (given === '-' || file === '-') return withoutLastBreak(await text(io.stdin));
  if (file === undefined) return given;
  try {
    return withoutLastBreak(await readFile(file, 'utf8'));
  } catch (error) {
    throw new CliError(`${file}: ${(error as Error).message}`, EXIT.invalidFile);
  }
}

/** Editors end a file with a line break that belongs to no verse. */
function withoutLastBreak(given: string): string {
  return given.replace(/^\uFEFF/, '').replace(/\r?\n$/, '');
}
