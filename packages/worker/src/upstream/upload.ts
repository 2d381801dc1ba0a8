import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import type { UpstreamAnswer } from '@songmill/shared/contract/generation';
import type { OutcomeKind } from '@songmill/shared/contract/outcomes';
import type { Purpose } from '@songmill/shared/contract/reference';
import type { Part } from '@songmill/shared/runtime/lifecycle';
import { Pool } from 'undici';
import { classify } from './classify.ts';
import { header, uncompressed, withoutKey } from './client.ts';
import { AnswerReader } from './decode.ts';
import { type Answer, codeAt, textAt } from './envelope.ts';
import { exchange } from './exchange.ts';

export interface UploaderOptions {
  /** Scheme, host and, if any, the path that the upstream's own paths are added to. */
  readonly baseUrl: string;
  /** Whole upload, connect to last byte. */
  readonly timeoutMs: number;
  /** Asked before every upload, so that a new key needs no restart. */
  readonly readKey: () => string;
}

export interface Upload {
  readonly purpose: Purpose;
  readonly filename: string;
  readonly format: 'mp3' | 'wav';
  /** The file as it is read; ended by the upload, however that goes. */
  readonly file: Readable;
  readonly bytes: number;
  readonly signal?: AbortSignal;
}

export type UploadResult =
  | { readonly kind: 'uploaded'; readonly voiceId: string | null; readonly instrumentalId: string | null }
  | {
      readonly kind: Exclude<OutcomeKind, 'song'>;
      readonly message: string;
      readonly upstream: UpstreamAnswer;
      readonly retryAfterMs: number | null;
    };

/** The upstream's upload of references; it costs nothing. */
export interface Uploader extends Part {
  /** Uploads one file. Never rejects for anything the upstream or the network does. */
  upload(upload: Upload): Promise<UploadResult>;
}

const UPLOAD_PATH = '/minimaxi/v1/music_upload';
const CONNECT_TIMEOUT_MS = 10_000;
/** Ids and a few words; a larger answer is none. */
const MOST_ANSWER_BYTES = 1_048_576;

/** Opens a pool of its own, so that a long upload never stands in the way of a song. */
export function openUploader(options: UploaderOptions): Uploader {
  const base = new URL(options.baseUrl);
  const path = `${base.pathname.replace(/\/+$/, '')}${UPLOAD_PATH}`;
  const pool = new Pool(base.origin, {
    connections: 1,
    pipelining: 1,
    allowH2: false,
    connect: { timeout: Math.min(CONNECT_TIMEOUT_MS, options.timeoutMs) },
    keepAliveTimeout: 1000,
    headersTimeout: 0,
    bodyTimeout: 0,
  });

  async function upload(given: Upload): Promise<UploadResult> {
    const key = options.readKey();
    const form = formOf(given);
    const reader = new AnswerReader({ digits: () => true });
    const exchanged = await exchange(
      pool,
      {
        path,
        body: form.body,
        headers: {
          authorization: `Bearer ${key}`,
          'content-type': form.contentType,
          'content-length': String(form.bytes),
          accept: 'application/json',
          'accept-encoding': 'identity',
        },
        timeoutMs: options.timeoutMs,
        maxResponseBytes: MOST_ANSWER_BYTES,
        signal: given.signal,
      },
      {
        push(chunk) {
          reader.push(chunk);
          return true;
        },
        onRoom: (callback) => callback(),
      },
    );
    form.body.destroy();
    given.file.destroy();
    const answer = uncompressed(exchanged, reader.finish(exchanged.ending === 'complete'));
    const { status } = exchanged;
    const ids =
      exchanged.ending === 'complete' && status !== null && status < 300 ? idsOf(answer, given.purpose) : null;
    if (ids) return { kind: 'uploaded', ...ids };
    const classified = classify({
      ...exchanged,
      retryAfter: exchanged.headers['retry-after'] ?? null,
      traceId: header(exchanged, 'trace-id'),
      answer: status === null ? null : answer,
      // An upload names no model, so "no channel" is a failure of the moment.
      modelHasWorked: true,
      nowMs: Date.now(),
    });
    const { kind, message, upstream, retryAfterMs } = withoutKey(classified, key);
    if (kind !== 'song' && kind !== 'unusable_audio') return { kind, message, upstream, retryAfterMs };
    return { kind: 'unreadable', message: 'the answer says success but holds no id', upstream, retryAfterMs };
  }

  return { upload, stop: () => pool.destroy() };
}

/** The ids of an answer that states no failure and gives what the purpose promises; null otherwise. */
function idsOf(answer: Answer, purpose: Purpose) {
  const code = codeAt(answer, 'base_resp.status_code');
  if (!answer.readable || (code !== null && code !== 0) || answer.kept.has('error')) return null;
  const voiceId = idAt(answer, 'voice_id');
  const instrumentalId = idAt(answer, 'instrumental_id');
  const whole = (purpose === 'instrumental' || voiceId !== null) && (purpose === 'voice' || instrumentalId !== null);
  return whole ? { voiceId, instrumentalId } : null;
}

/** Ids are opaque, but they go into requests and look-ups, so one that cannot be an id is none. */
function idAt(answer: Answer, path: 'voice_id' | 'instrumental_id'): string | null {
  const text = textAt(answer, path);
  return text !== null && /^[\x21-\x7e]{1,256}$/.test(text) ? text : null;
}

const MEDIA_TYPES = { mp3: 'audio/mpeg', wav: 'audio/wav' } as const;

/** The form, whose length is known before a byte of the file is read. */
function formOf({ purpose, filename, format, file, bytes }: Upload) {
  const boundary = `songmill-${randomBytes(24).toString('hex')}`;
  // Quotes and line breaks of a name are written as browsers write them.
  const name = filename.replaceAll(/["\r\n]/g, encodeURIComponent);
  const head = Buffer.from(
    `--${boundary}\r\nContent-Disposition: form-data; name="purpose"\r\n\r\n${purpose}\r\n` +
      `--${boundary}\r\nContent-Disposition: form-data; name="file"; filename="${name}"\r\n` +
      `Content-Type: ${MEDIA_TYPES[format]}\r\n\r\n`,
    'utf8',
  );
  const tail = Buffer.from(`\r\n--${boundary}--\r\n`, 'utf8');
  async function* parts() {
    yield head;
    yield* file as AsyncIterable<Buffer>;
    yield tail;
  }
  return {
    contentType: `multipart/form-data; boundary=${boundary}`,
    bytes: head.length + bytes + tail.length,
    body: Readable.from(parts(), { objectMode: false }),
  };
}
