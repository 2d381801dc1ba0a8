import { pipeline } from 'node:stream/promises';
import { audioExpiresMs, rfc3339 } from '@songmill/shared/runtime/records/present';
import type { Song } from '@songmill/shared/runtime/records/types';
import type { ApiContext, Call } from '../context.ts';
import { ClientGone, ProblemError } from '../errors.ts';
import { sendEmpty, streamHeaders } from './answer.ts';
import { byteRange } from './byte-range.ts';
import { songDisposition } from './content-disposition.ts';
import { noneMatch } from './etag.ts';
import { withReadable } from './with-generation.ts';

const TYPES = { mp3: 'audio/mpeg', wav: 'audio/wav' } as const;

/** `GET /v1/generations/{id}/audio`: the song or a part of it, streamed. */
export const getAudio = withReadable(async (ctx, call, record) => {
  const { song, status } = record;
  if (song === null || status !== 'succeeded') {
    throw new ProblemError('audio_not_ready', `there is no song: the generation is ${status}`);
  }
  const expires = audioExpiresMs(record, ctx.settings.RESULT_TTL_DAYS);
  if (expires !== null && expires <= Date.now())
    throw new ProblemError('gone', `the song expired at ${rfc3339(expires)}`);
  const { headers } = call.req;
  const tag = `"${song.sha256}"`;
  const described = {
    ETag: tag,
    'Accept-Ranges': 'bytes',
    'Cache-Control': 'private, max-age=86400, immutable',
    'Content-Disposition': songDisposition(record.request.custom_id ?? record.id, song.format),
  };
  if (!noneMatch(headers['if-none-match'], tag)) {
    sendEmpty(call, 304, described);
    return;
  }
  // A range means something to GET alone (RFC 9110, 14.2).
  const wanted = call.req.method === 'GET' ? headers.range : undefined;
  const range = byteRange({ range: wanted, ifRange: header(headers['if-range']) }, song.bytes, tag);
  if (range.kind === 'unsatisfiable') {
    throw new ProblemError('range_not_satisfiable', `the song has ${song.bytes} bytes`, {
      headers: { 'Content-Range': `bytes */${song.bytes}` },
    });
  }
  const file = await openSong(ctx, song, range.kind === 'part' ? range : undefined);
  call.res.writeHead(range.kind === 'part' ? 206 : 200, {
    ...streamHeaders(call),
    ...described,
    'Content-Type': TYPES[song.format],
    'Content-Length': file.bytes,
    ...(range.kind === 'part' ? { 'Content-Range': `bytes ${range.start}-${range.end}/${song.bytes}` } : {}),
  });
  await send(call, file.stream);
});

async function openSong(ctx: ApiContext, song: Song, range: { start: number; end: number } | undefined) {
  const { storage } = ctx;
  try {
    const file = await storage.open(song.key, range);
    if (file !== null) return file;
    // `gone` is for ever, and on a disk that is not mounted no song is found: the mark tells the two apart.
    if ((await storage.readMark()) === null) throw new Error('the storage has no mark');
  } catch (error) {
    throw new ProblemError('storage_unavailable', 'the storage cannot be reached now', {
      headers: { 'Retry-After': '5' },
      cause: error,
    });
  }
  throw new ProblemError('gone', 'the song was removed');
}

/** Reads no faster than the caller; a caller that stops reading is cut off by the server's idle limit. */
async function send(call: Call, stream: import('node:stream').Readable): Promise<void> {
  if (call.req.method === 'HEAD') {
    stream.destroy();
    call.res.end();
    return;
  }
  try {
    await pipeline(stream, call.res);
  } catch (error) {
    if (call.res.destroyed && (error as NodeJS.ErrnoException).code === 'ERR_STREAM_PREMATURE_CLOSE') {
      throw new ClientGone('the caller left while reading');
    }
    throw error;
  }
}

function header(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}
