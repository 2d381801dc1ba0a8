import { CommanderError } from 'commander';
import { type ApiError, isApiError, isConnectionError, isSongmillError, isTimeoutError } from '../errors.ts';

/** What the process ends with. */
export const EXIT = {
  ok: 0,
  failure: 1,
  usage: 2,
  songsFailed: 3,
  notAuthorised: 4,
  notReachable: 5,
  invalidFile: 6,
  timedOut: 124,
  interrupted: 130,
} as const;
export type Exit = (typeof EXIT)[keyof typeof EXIT];

/** An end that the command line itself decided on. */
export class CliError extends Error {
  override readonly name = 'CliError';
  readonly exit: Exit;

  constructor(message: string, exit: Exit, cause?: unknown) {
    super(message, { cause });
    this.exit = exit;
  }
}

/** How the process ends after an error. */
export function exitOf(error: unknown): Exit {
  if (error instanceof CliError) return error.exit;
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  if (isConnectionError(error) || isTimeoutError(error)) return EXIT.notReachable;
  if (isApiError(error)) return exitOfStatus(error);
  // An answer that Songmill never gives: somebody else listens there.
  return isSongmillError(error) && error.name === 'BadResponseError' ? EXIT.notReachable : EXIT.failure;
}

function exitOfStatus({ status }: ApiError): Exit {
  if (status === 401 || status === 403) return EXIT.notAuthorised;
  if (status === 502 || status === 503 || status === 504) return EXIT.notReachable;
  return status === 400 || status === 422 ? EXIT.usage : EXIT.failure;
}

/** The error as one object for `--json`. */
export function errorObject(error: unknown): Record<string, unknown> {
  const message = error instanceof Error ? error.message : String(error);
  const found = error instanceof CliError ? error.cause : error;
  const api = isApiError(found) ? found : null;
  return {
    error: {
      message,
      exit: exitOf(error),
      code: api?.code ?? null,
      status: api?.status ?? null,
      request_id: api?.requestId ?? null,
      errors: api?.errors ?? [],
    },
  };
}
