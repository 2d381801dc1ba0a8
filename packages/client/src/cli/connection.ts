import { existsSync, readFileSync } from 'node:fs';
import { Songmill } from '../client.ts';
import { isSongmillError } from '../errors.ts';
import { CliError, EXIT } from './exit.ts';

const DEFAULT_URL = 'http://127.0.0.1:8080';
/** Where a server that made its own first key wrote it (`npm start`). */
const KEY_OF_A_LOCAL_SERVER = 'data/api-key';

/** Where to call and with which key, and where both were found. */
export interface Connection {
  readonly url: string;
  readonly apiKey: string | null;
  readonly keyFrom: string | null;
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads `SONGMILL_URL`, `SONGMILL_API_KEY` and `SONGMILL_API_KEY_FILE`. With neither key setting, a
 * server on this machine is called with the key that it wrote below the present folder.
 *
 * @param url the option `--url`, which goes before the environment
 */
export function connectionOf(env: Environment, url: string | undefined): Connection {
  const to = url || env['SONGMILL_URL'] || DEFAULT_URL;
  const { SONGMILL_API_KEY: key, SONGMILL_API_KEY_FILE: file } = env;
  if (key && file) {
    throw new CliError('set SONGMILL_API_KEY or SONGMILL_API_KEY_FILE, not both', EXIT.usage);
  }
  if (key) return { url: to, apiKey: key, keyFrom: 'SONGMILL_API_KEY' };
  if (file) return { url: to, apiKey: keyIn(file), keyFrom: file };
  if (isLoopback(to) && existsSync(KEY_OF_A_LOCAL_SERVER)) {
    return { url: to, apiKey: keyIn(KEY_OF_A_LOCAL_SERVER), keyFrom: KEY_OF_A_LOCAL_SERVER };
  }
  return { url: to, apiKey: null, keyFrom: null };
}

export function clientOf({ url, apiKey }: Connection): Songmill {
  try {
    return new Songmill({ url, apiKey: apiKey ?? undefined });
  } catch (error) {
    if (!isSongmillError(error)) throw error;
    throw new CliError(`${error.message} (SONGMILL_URL, SONGMILL_API_KEY)`, EXIT.usage);
  }
}

function keyIn(file: string): string {
  try {
    const key = readFileSync(file, 'utf8').trim();
    if (key !== '') return key;
  } catch (error) {
    throw new CliError(`the key file ${file} cannot be read: ${(error as Error).message}`, EXIT.usage);
  }
  throw new CliError(`the key file ${file} is empty`, EXIT.usage);
}

function isLoopback(url: string): boolean {
  const host = URL.parse(url)?.hostname;
  return host === 'localhost' || host === '[::1]' || (host?.startsWith('127.') ?? false);
}
