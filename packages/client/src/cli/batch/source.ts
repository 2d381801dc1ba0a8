import { createHash } from 'node:crypto';
import { createReadStream, openAsBlob } from 'node:fs';
import { stat } from 'node:fs/promises';
import { InvalidArgumentError } from 'commander';
import { type BatchFormat, formatOfName, type SubmitOptions, submitQueryOf } from '../../resources/batch-calls.ts';
import { CliError, EXIT } from '../exit.ts';

/** The options that say how a file is read, the same for `validate` and `submit`. */
export interface FileOptions {
  readonly format?: BatchFormat;
  readonly columns?: Record<string, string>;
  readonly extraColumns?: 'reject' | 'ignore' | 'metadata';
  readonly delimiter?: string;
  readonly set?: Record<string, string>;
}

/** A file to be submitted. */
export interface BatchFile {
  readonly path: string;
  readonly format: BatchFormat;
  readonly options: FileOptions;
}

/** @throws CliError when there is no such file, or its name does not tell what it is */
export async function batchFile(path: string, options: FileOptions): Promise<BatchFile> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    const reason = error.code === 'ENOENT' ? 'there is no such file' : error.message;
    throw new CliError(`${path}: ${reason}`, EXIT.invalidFile);
  });
  if (!found.isFile()) throw new CliError(`${path} is no file`, EXIT.invalidFile);
  const format = options.format ?? formatOfName(path);
  if (format === null) throw new CliError(`${path}: say what it is with --format csv, ndjson or json`, EXIT.usage);
  if (format === 'json' && (options.set || options.columns)) {
    throw new CliError('a JSON file has its options inside: "defaults" beside "items"', EXIT.usage);
  }
  return { path, format, options };
}

/** The file, read as it is sent. */
export async function blobOf({ path }: BatchFile): Promise<Blob> {
  return openAsBlob(path);
}

/** How the server is told to read it. */
export function submitOptionsOf({ format, options }: BatchFile): SubmitOptions {
  const { columns, extraColumns, delimiter, set } = options;
  const csv = format === 'csv' ? { columns, extraColumns, delimiter } : {};
  return { format, ...csv, defaults: set && defaultsOf(set) };
}

/**
 * One key for the same bytes with the same options, whatever the file is called: whoever submits it again
 * gets the batch that it made before, and pays nothing twice.
 */
export async function keyOf({ path }: BatchFile, options: SubmitOptions): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  hash.update(`\0${options.format}\0${JSON.stringify(submitQueryOf(options))}`);
  return `file-${hash.digest('hex')}`;
}

/** `lyrics:Text,custom_id:Id`: which header stands for which field. */
export function columnsOf(text: string): Record<string, string> {
  const pairs = text.split(',').map((part): [string, string] => {
    const at = part.search(/[:=]/);
    if (at < 1 || at === part.length - 1) throw new InvalidArgumentError('must be field:Header,field:Header');
    return [part.slice(0, at).trim(), part.slice(at + 1).trim()];
  });
  return Object.fromEntries(pairs);
}

/** `audio_setting.format=wav` becomes `{audio_setting: {format: 'wav'}}`. */
export function defaultsOf(set: Readonly<Record<string, string>>): Record<string, unknown> {
  const defaults: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(set)) {
    const dot = name.indexOf('.');
    if (dot < 0) defaults[name] = value;
    else {
      const inner = (defaults[name.slice(0, dot)] ??= {}) as Record<string, unknown>;
      inner[name.slice(dot + 1)] = /^audio_setting\.(sample_rate|bitrate)$/.test(name) ? Number(value) : value;
    }
  }
  return defaults;
}
