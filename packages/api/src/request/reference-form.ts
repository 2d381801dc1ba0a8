import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { PURPOSES, type Purpose } from '@songmill/shared/contract/reference';
import busboy from 'busboy';
import type { Call, Faults } from '../context.ts';
import { ClientGone, ProblemError } from '../errors.ts';
import { mediaTypeOf } from './body.ts';
import { mustContinue } from './expect-continue.ts';

/** A file as it arrived: written whole to the path it was given, judged by nobody yet. */
export interface ReceivedFile {
  readonly filename: string;
  readonly bytes: number;
  /** Hex. */
  readonly sha256: string;
}

export interface ReceivedForm {
  /** Null when it was missing or no purpose; the fault is told. */
  readonly purpose: Purpose | null;
  /** Null when there was none; the fault is told. */
  readonly file: ReceivedFile | null;
}

/** What boundaries, headers and the other field may take. */
const FORM_OVERHEAD_BYTES = 65_536;

/**
 * Reads `file` and `purpose` of a form, the file straight to the disk: memory does not grow with it.
 *
 * @param path where the file is written; nothing may be there
 * @throws ProblemError body_too_large, malformed_body or unsupported_media_type
 * @throws ClientGone when the connection ends first
 */
export async function receiveReference(
  call: Call,
  { path, mostBytes, faults }: { path: string; mostBytes: number; faults: Faults },
): Promise<ReceivedForm> {
  const { req } = call;
  mediaTypeOf(call, ['multipart/form-data']);
  const tooLarge = () => new ProblemError('body_too_large', `the file may have at most ${mostBytes} bytes`);
  if (Number(req.headers['content-length'] ?? 0) > mostBytes + FORM_OVERHEAD_BYTES) throw tooLarge();
  const form = openForm(call, mostBytes);
  mustContinue(call);
  const texts = new Map<string, string>();
  let writing: Promise<ReceivedFile> | null = null;
  try {
    await new Promise<void>((resolve, reject) => {
      let bytes = 0;
      const fail = (error: Error): void => reject(error);
      req.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > mostBytes + FORM_OVERHEAD_BYTES) fail(tooLarge());
      });
      req.once('error', () => fail(new ClientGone('the caller left while sending')));
      req.once('close', () => {
        if (!req.complete) fail(new ClientGone('the caller left while sending'));
      });
      form.on('field', (name, text) => {
        if (texts.has(name)) faults.push({ field: name, code: 'repeated_field', message: 'give it once' });
        texts.set(name, text);
      });
      form.on('file', (name, stream, info) => {
        if (name !== 'file' || writing !== null) {
          const code = name === 'file' ? 'repeated_field' : 'unknown_field';
          faults.push({ field: name, code, message: name === 'file' ? 'give it once' : 'no such field' });
          stream.resume();
          return;
        }
        stream.once('limit', () => fail(tooLarge()));
        writing = writeFile(stream, path, info.filename);
        writing.catch(fail);
      });
      form.once('error', (error) =>
        fail(new ProblemError('malformed_body', 'the form is not complete', { cause: error })),
      );
      form.once('close', resolve);
      req.pipe(form);
    });
    return { purpose: purposeOf(texts, faults), file: await fileOf(writing, texts, faults) };
  } catch (error) {
    req.unpipe(form);
    form.destroy();
    // The half-written file must be closed before its folder is removed.
    await (writing as Promise<ReceivedFile> | null)?.catch(() => undefined);
    throw error;
  }
}

function openForm(call: Call, mostBytes: number): busboy.Busboy {
  try {
    return busboy({
      headers: call.req.headers,
      defCharset: 'utf8',
      defParamCharset: 'utf8',
      limits: { fileSize: mostBytes, files: 4, fields: 16, fieldSize: 1024, fieldNameSize: 100, parts: 20 },
    });
  } catch (error) {
    throw new ProblemError('malformed_body', 'the Content-Type names no boundary', { cause: error });
  }
}

async function writeFile(stream: Readable, path: string, filename: string | undefined): Promise<ReceivedFile> {
  const hash = createHash('sha256');
  let bytes = 0;
  await pipeline(
    stream,
    async function* (chunks: AsyncIterable<Buffer>) {
      for await (const chunk of chunks) {
        hash.update(chunk);
        bytes += chunk.length;
        yield chunk;
      }
    },
    createWriteStream(path, { flags: 'wx', mode: 0o640 }),
  );
  return { filename: nameOf(filename), bytes, sha256: hash.digest('hex') };
}

/** The last part of the name on one line; it is shown to people and sent on, and never becomes a path. */
function nameOf(filename: string | undefined): string {
  const name = (filename ?? '').split(/[/\\]/).at(-1) ?? '';
  const plain = name.replaceAll(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ').trim();
  return [...plain].slice(0, 200).join('').toWellFormed() || 'file';
}

function purposeOf(texts: ReadonlyMap<string, string>, faults: Faults): Purpose | null {
  for (const field of texts.keys()) {
    if (field !== 'purpose' && field !== 'file')
      faults.push({ field, code: 'unknown_field', message: 'no such field' });
  }
  const purpose = PURPOSES.find((each) => each === texts.get('purpose'));
  if (purpose === undefined) {
    faults.push({ field: 'purpose', code: 'invalid_value', message: `one of ${PURPOSES.join(', ')}` });
  }
  return purpose ?? null;
}

async function fileOf(
  writing: Promise<ReceivedFile> | null,
  texts: ReadonlyMap<string, string>,
  faults: Faults,
): Promise<ReceivedFile | null> {
  if (writing !== null) return writing;
  const message = texts.has('file') ? 'send it as a file, with a filename' : 'a wav or mp3 file is required';
  faults.push({ field: 'file', code: 'file_required', message });
  return null;
}
