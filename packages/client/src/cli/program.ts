import { Command } from 'commander';
import { addBatchCommands } from './commands/batch.ts';
import { addGenerationCommands } from './commands/generations.ts';
import { addOperatorCommands } from './commands/operator.ts';
import { addReferenceCommands } from './commands/references.ts';
import { addWebhookCommands } from './commands/webhooks.ts';
import { addCompletion } from './completion.ts';
import { doctor } from './doctor.ts';
import type { Exit } from './exit.ts';
import type { Io } from './io.ts';
import { createAttach } from './task.ts';

export const VERSION = '0.1.0';

const AFTER_HELP = `
Environment: SONGMILL_URL (default http://127.0.0.1:8080), SONGMILL_API_KEY or SONGMILL_API_KEY_FILE.
Exit codes: 0 ok, 1 failure, 2 usage, 3 some songs did not succeed, 4 not authorised, 5 not reachable,
6 input file invalid, 124 wait timed out, 130 interrupted.`;

/** Every command. @param ended told how the command that ran ended */
export function createProgram(io: Io, ended: (exit: Exit) => void): Command {
  const program = new Command('songmill')
    .description('Asks a Songmill server for songs, one or thousands.')
    .version(VERSION)
    .option('--json', 'records as lines of JSON on stdout, errors as JSON on stderr')
    .option('--url <url>', 'the server; goes before SONGMILL_URL')
    .addHelpText('after', AFTER_HELP)
    .showSuggestionAfterError()
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void io.stdout.write(text),
      writeErr: (text) => void io.stderr.write(text),
    });
  const attach = createAttach(io, ended);
  addGenerationCommands(program, attach);
  addBatchCommands(program, attach);
  addReferenceCommands(program, attach);
  addWebhookCommands(program, attach);
  addOperatorCommands(program, attach);
  attach(program.command('doctor').description('find out what is wrong between here and the songs'), doctor);
  addCompletion(program, io);
  return program;
}
