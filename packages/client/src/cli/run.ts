import { CommanderError } from 'commander';
import { errorObject, EXIT, type Exit, exitOf } from './exit.ts';
import type { Io } from './io.ts';
import { plain } from './output.ts';
import { createProgram } from './program.ts';

/** Carries one command line out and says how the process ends. */
export async function run(args: readonly string[], io: Io): Promise<Exit> {
  let exit: Exit = EXIT.ok;
  const program = createProgram(io, (ended) => {
    exit = ended;
  });
  try {
    await program.parseAsync(args, { from: 'user' });
    return exit;
  } catch (error) {
    // Commander has already said what is wrong.
    if (!(error instanceof CommanderError)) tell(error, args.includes('--json'), io);
    return exitOf(error);
  }
}

function tell(error: unknown, json: boolean, io: Io): void {
  if (json) io.stderr.write(`${JSON.stringify(errorObject(error))}\n`);
  else io.stderr.write(`songmill: ${plain(error instanceof Error ? error.message : String(error))}\n${hint(error)}`);
}

function hint(error: unknown): string {
  const exit = exitOf(error);
  if (exit === EXIT.notReachable || exit === EXIT.notAuthorised) return 'songmill doctor says what is wrong\n';
  return '';
}
