import busboy from 'busboy';

export interface FilePart {
  readonly name: string;
  readonly filename: string;
  readonly contentType: string;
  readonly bytes: Buffer;
}

/** A request's fields, whatever it was encoded as. `rawLyrics`: the bytes as they were on the wire. */
export interface Form {
  readonly kind: 'form';
  readonly encoding: 'multipart' | 'urlencoded' | 'json';
  readonly fields: ReadonlyMap<string, unknown>;
  readonly files: readonly FilePart[];
  readonly rawLyrics: Buffer | null;
}

export type ParsedForm = Form | { readonly kind: 'unreadable'; readonly detail: string };

const MAX_FIELD_BYTES = 4 * 1024 * 1024;

/**
 * Parses by the Content-Type alone and never guesses: a multipart body under `application/json` is
 * unreadable, as it would be to a strict server.
 */
export async function parseForm(contentType: string | undefined, body: Buffer): Promise<ParsedForm> {
  const type = (contentType ?? '').split(';')[0]?.trim().toLowerCase();
  if (type === 'multipart/form-data') return parseMultipart(contentType ?? '', body);
  if (type === 'application/json') return parseJson(body);
  if (type === 'application/x-www-form-urlencoded') return parseUrlencoded(body);
  return { kind: 'unreadable', detail: `content type ${type || 'missing'}` };
}

function parseJson(body: Buffer): ParsedForm {
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new TypeError('not an object');
    const fields = new Map(Object.entries(value));
    return { kind: 'form', encoding: 'json', fields, files: [], rawLyrics: utf8(fields.get('lyrics')) };
  } catch {
    return { kind: 'unreadable', detail: 'the body is not a JSON object' };
  }
}

function parseUrlencoded(body: Buffer): ParsedForm {
  const fields = new Map<string, unknown>(new URLSearchParams(body.toString('utf8')));
  return { kind: 'form', encoding: 'urlencoded', fields, files: [], rawLyrics: utf8(fields.get('lyrics')) };
}

async function parseMultipart(contentType: string, body: Buffer): Promise<ParsedForm> {
  return new Promise((resolve) => {
    const unreadable = (detail: string): void => resolve({ kind: 'unreadable', detail });
    let parser: busboy.Busboy;
    try {
      parser = busboy({ headers: { 'content-type': contentType }, limits: { fieldSize: MAX_FIELD_BYTES } });
    } catch (error) {
      return unreadable((error as Error).message);
    }
    const fields = new Map<string, unknown>();
    const files: FilePart[] = [];
    parser.on('field', (name, value) => fields.set(name, value));
    parser.on('file', (name, stream, info) => {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () =>
        files.push({ name, filename: info.filename ?? '', contentType: info.mimeType, bytes: Buffer.concat(chunks) }),
      );
    });
    parser.on('error', (error) => unreadable((error as Error).message));
    parser.on('close', () => {
      const rawLyrics = fields.has('lyrics') ? rawPart(body, contentType, 'lyrics') : null;
      if (rawLyrics !== null && !rawLyrics.equals(Buffer.from(String(fields.get('lyrics'))))) {
        return unreadable('lyrics are not UTF-8');
      }
      resolve({ kind: 'form', encoding: 'multipart', fields, files, rawLyrics });
    });
    parser.end(body);
  });
}

/** The untouched bytes of one part; busboy hands out decoded text only. */
function rawPart(body: Buffer, contentType: string, name: string): Buffer | null {
  const boundary = /boundary="?([^";]+)"?/i.exec(contentType)?.[1];
  const header = body.lastIndexOf(`name="${name}"`);
  const start = header < 0 ? -1 : body.indexOf('\r\n\r\n', header);
  const end = start < 0 ? -1 : body.indexOf(`\r\n--${boundary}`, start);
  return end < 0 ? null : Buffer.from(body.subarray(start + 4, Math.max(start + 4, end)));
}

function utf8(value: unknown): Buffer | null {
  return typeof value === 'string' ? Buffer.from(value) : null;
}
