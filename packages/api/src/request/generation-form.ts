import { isUtf8 } from 'node:buffer';
import type { IncomingHttpHeaders } from 'node:http';
import type { FieldFault } from '@songmill/shared/contract/generation-rules';
import type { InputFault } from '@songmill/shared/contract/problem';
import { FORBIDDEN_KEYS } from '@songmill/shared/contract/strict-json';
import busboy from 'busboy';
import type { Faults } from '../context.ts';
import { ProblemError } from '../errors.ts';
import { parseJsonText } from './json.ts';

/** Fields that hold an object, sent as JSON text: the upstream's own way. */
const JSON_FIELDS: ReadonlySet<string> = new Set(['audio_setting', 'metadata', 'webhook']);

const MOST_FIELDS = 64;

/**
 * Reads a form as the upstream's clients send it into the shape of the JSON body.
 *
 * @param bytes the whole body, already within its limit
 * @throws ProblemError malformed_body when the form is cut or not UTF-8
 */
export async function readGenerationForm(
  bytes: Buffer,
  headers: IncomingHttpHeaders,
  faults: Faults,
): Promise<Record<string, unknown>> {
  // Busboy replaces bad bytes in silence, so the body is judged as a whole; it may hold text only.
  if (!isUtf8(bytes)) throw new ProblemError('malformed_body', 'the form is not valid UTF-8, or it holds a file');
  const body: Record<string, unknown> = {};
  const form = open(headers, bytes.length);
  await new Promise<void>((resolve, reject) => {
    form.on('field', (name, text) => take(body, name, text, faults));
    form.on('file', (name, stream) => {
      stream.resume();
      faults.push({ field: name, code: 'file_part', message: 'send text, not a file' });
    });
    form.on('fieldsLimit', () =>
      faults.push({ field: '', code: 'too_many_fields', message: `at most ${MOST_FIELDS} fields` }),
    );
    form.on('error', (error) =>
      reject(new ProblemError('malformed_body', 'the form is not complete', { cause: error })),
    );
    form.on('close', resolve);
    form.end(bytes);
  });
  return body;
}

function open(headers: IncomingHttpHeaders, size: number): busboy.Busboy {
  try {
    return busboy({
      headers,
      defCharset: 'utf8',
      limits: { fields: MOST_FIELDS, fieldSize: size, fieldNameSize: 100, files: 10, parts: MOST_FIELDS + 10 },
    });
  } catch (error) {
    throw new ProblemError('malformed_body', 'the Content-Type names no boundary', { cause: error });
  }
}

function take(body: Record<string, unknown>, name: string | undefined, text: string, faults: Faults): void {
  const field = name ?? '';
  if (field === '') {
    faults.push({ field, code: 'unnamed_field', message: 'every field needs a name' });
  } else if (FORBIDDEN_KEYS.has(field)) {
    faults.push({ field, code: 'forbidden_key', message: 'this name is never allowed' });
  } else if (Object.hasOwn(body, field)) {
    faults.push({ field, code: 'repeated_field', message: 'give it once' });
  } else if (!JSON_FIELDS.has(field)) {
    body[field] = text;
  } else if (text !== '') {
    body[field] = jsonField(field, text, faults);
  }
}

function jsonField(field: string, text: string, faults: Faults): unknown {
  try {
    const { value, faults: inner } = parseJsonText(text);
    for (const fault of inner) faults.push(inForm({ ...fault, pointer: `/${field}${fault.pointer ?? ''}` }));
    return inner.length > 0 ? {} : value;
  } catch {
    faults.push({ field, code: 'invalid_json', message: 'must be JSON text' });
    return {};
  }
}

/** A fault of the body, told by the field of the form it stands in. */
export function inForm(fault: FieldFault | (InputFault & { pointer: string })): InputFault {
  const [, field, ...inner] = fault.pointer.split('/');
  if (field === undefined) return { pointer: '', code: fault.code, message: fault.message };
  const message = inner.length > 0 ? `${inner.join('/')}: ${fault.message}` : fault.message;
  return { field, code: fault.code, message };
}
