import path from 'node:path';
import { parseArgs } from 'node:util';
import { LauncherError } from './failure.mjs';

export const START_HELP = `npm start -- [options]

  --exit               end after the sample; exit 0 only if every song succeeded
  --no-sample          only serve
  --yes                do not ask before the sample spends money on the real upstream
  --voice ID           upstream id of the voice for the sample, instead of one made here and uploaded
  --instrumental ID    the same for the instrumental
  --home DIR           keep ./data, ./songs and .env in this folder (default: the project's)
  --help               this text

Settings are environment variables, or lines of .env: see .env.example.`;

/**
 * @param {string[]} args
 * @param {string} root
 * @throws {LauncherError} exit code 2 for what it does not know
 */
export function parseStartOptions(args, root) {
  let values;
  try {
    ({ values } = parseArgs({
      args,
      options: {
        exit: { type: 'boolean', default: false },
        'no-sample': { type: 'boolean', default: false },
        yes: { type: 'boolean', short: 'y', default: false },
        voice: { type: 'string' },
        instrumental: { type: 'string' },
        home: { type: 'string' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    }));
  } catch (error) {
    throw new LauncherError(`${error.message}\n\n${START_HELP}`, 2);
  }
  return {
    exit: values.exit,
    sample: !values['no-sample'],
    yes: values.yes,
    voice: values.voice,
    instrumental: values.instrumental,
    home: values.home === undefined ? root : path.resolve(process.env.INIT_CWD ?? '.', values.home),
    help: values.help,
  };
}
