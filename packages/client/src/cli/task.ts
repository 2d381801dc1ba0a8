import { type Command, InvalidArgumentError } from 'commander';
import type { Songmill } from '../client.ts';
import { clientOf, connectionOf } from './connection.ts';
import { CliError, EXIT, type Exit } from './exit.ts';
import type { Io } from './io.ts';
import { createOutput, type Output } from './output.ts';

/** One command being carried out. */
export interface Task {
  readonly io: Io;
  readonly out: Output;
  /** Made when it is first asked for: some commands need no server. */
  readonly client: Songmill;
  readonly signal: AbortSignal;
}

/** What every command takes. */
export interface GlobalOptions {
  readonly json?: boolean;
  readonly url?: string;
}

/** Carries a command out; nothing returned is success. */
export type Handler<Options> = (
  task: Task,
  args: readonly string[],
  options: Options & GlobalOptions,
) => Promise<Exit | void>;

/** Puts a handler behind a command. */
export type Attach = <Options extends object = object>(command: Command, handler: Handler<Options>) => Command;

export function createAttach(io: Io, ended: (exit: Exit) => void): Attach {
  return (command, handler) =>
    command.action(async () => {
      const options: Parameters<typeof handler>[2] = command.optsWithGlobals();
      ended((await handler(taskOf(io, options), command.args, options)) ?? EXIT.ok);
    });
}

function taskOf(io: Io, { json = false, url }: GlobalOptions): Task {
  let client: Songmill | null = null;
  return {
    io,
    out: createOutput(io, json),
    get client() {
      client ??= clientOf(connectionOf(io.env, url));
      return client;
    },
    signal: io.signal,
  };
}

/** Reads a whole number between two bounds. */
export function integer(min: number, max: number) {
  return (text: string): number => {
    const number = Number(text);
    if (/^\d+$/.test(text) && number >= min && number <= max) return number;
    throw new InvalidArgumentError(`must be a whole number from ${min} to ${max}`);
  };
}

/** Gathers `name=value` of an option that may be given several times. */
export function pair(text: string, before: Record<string, string> = {}): Record<string, string> {
  const at = text.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('must be name=value');
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) };
}

/** Words between commas. */
export function words(text: string): string[] {
  return text.split(',').filter((word) => word !== '');
}

/**
 * Runs a wait with a limit; over it, the process ends with 124 and what was waited for goes on.
 *
 * @param seconds none by default
 */
export async function within<T>(
  { signal }: Task,
  seconds: number | undefined,
  wait: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  if (seconds === undefined) return wait(signal);
  const limit = new AbortController();
  const message = `not settled within ${seconds} s; it goes on`;
  const timer = setTimeout(() => limit.abort(new CliError(message, EXIT.timedOut)), seconds * 1000);
  try {
    return await wait(AbortSignal.any([signal, limit.signal]));
  } finally {
    clearTimeout(timer);
  }
}
