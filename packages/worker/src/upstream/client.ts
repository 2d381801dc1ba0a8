import type { Part } from '@songmill/shared/runtime/lifecycle';
import type { Logger } from '@songmill/shared/runtime/logger';
import { Pool } from 'undici';
import { type Classified, classify } from './classify.ts';
import { AnswerReader } from './decode.ts';
import { encodeGeneration } from './encode.ts';
import type { Answer } from './envelope.ts';
import { type Exchange, exchange } from './exchange.ts';
import { openLanes } from './lanes.ts';
import { openLinkedSongs, type Verdict } from './linked-song.ts';
import type { UpstreamAudio, UpstreamCall, UpstreamResult } from './result.ts';
import { SongFile, type WrittenSong } from './song-file.ts';
import { verifyAudio } from './verify-audio.ts';

export interface UpstreamOptions {
  /** Scheme, host and, if any, the path that the upstream's own paths are added to. */
  readonly baseUrl: string;
  /** Whole call, connect to last byte. */
  readonly timeoutMs: number;
  readonly maxResponseBytes: number;
  /** Asked before every call, so that a new key needs no restart. */
  readonly readKey: () => string;
  /** Most connections at once; without it every call gets one at once. */
  readonly connections?: number;
  readonly logger: Logger;
}

/** The paid upstream as the worker sees it: one call in, one row of "Outcome and charge" out. */
export interface Upstream extends Part {
  /** Makes one call. Never rejects for anything the upstream, the network or the disk does. */
  generate(call: UpstreamCall): Promise<UpstreamResult>;
  /** Breaks off what is still open (it ends as unknown) and closes every connection. */
  stop(): Promise<void>;
}

const GENERATION_PATH = '/minimaxi/v1/music_generation';
const CONNECT_TIMEOUT_MS = 10_000;
/**
 * A kept connection that the upstream closes just as we write costs an attempt that may have been
 * billed, and a handshake is nothing beside a song. So connections are reused only back to back.
 */
const KEEP_ALIVE_MS = 1000;
/** Reading a song keeps about 1 MB busy and one thread does it anyway, so two hundred at once would gain nothing. */
const VERIFIED_AT_ONCE = 4;

/** A song behind a link is paid for, so it gets at least this long, however late the answer came. */
const LEAST_FETCH_MS = 30_000;

/** Opens the one pool of this process. Nothing is connected before the first call. */
export function openUpstream(options: UpstreamOptions): Upstream {
  const base = new URL(options.baseUrl);
  const path = `${base.pathname.replace(/\/+$/, '')}${GENERATION_PATH}`;
  const pool = new Pool(base.origin, {
    connections: options.connections ?? null,
    pipelining: 1,
    allowH2: false,
    connect: { timeout: Math.min(CONNECT_TIMEOUT_MS, options.timeoutMs) },
    keepAliveTimeout: KEEP_ALIVE_MS,
    keepAliveMaxTimeout: KEEP_ALIVE_MS,
    headersTimeout: 0,
    bodyTimeout: 0,
  });
  const worked = new Set<string>();
  const verifiers = openLanes(VERIFIED_AT_ONCE);
  const linked = openLinkedSongs({
    baseUrl: options.baseUrl,
    maxBytes: options.maxResponseBytes,
    logger: options.logger,
  });

  async function generate(call: UpstreamCall): Promise<UpstreamResult> {
    const song = new SongFile(call.spoolPath);
    const key = options.readKey();
    const started = performance.now();
    const { exchanged, answer } = await post(key, call, song);
    const classified = classify({
      ...exchanged,
      retryAfter: exchanged.headers['retry-after'] ?? null,
      traceId: header(exchanged, 'trace-id'),
      answer: exchanged.status === null ? null : answer,
      modelHasWorked: call.modelHasWorked ?? worked.has(call.request.model),
      nowMs: Date.now(),
    });
    const left = Math.max(options.timeoutMs - (performance.now() - started), LEAST_FETCH_MS);
    const result = await withAudio(withoutKey(classified, key), call.spoolPath, () =>
      takeSong(call, song, classified.links, left),
    );
    if (result.kind === 'song') worked.add(call.request.model);
    else await discard(song);
    return result;
  }

  /** The song of an answer: what was decoded while it came, or what is behind its links. */
  async function takeSong(
    { spoolPath, signal }: UpstreamCall,
    song: SongFile,
    links: readonly string[],
    timeoutMs: number,
  ): Promise<Taken> {
    const judge = (written: WrittenSong) => verifiers(() => verifyAudio(spoolPath, written));
    if (links.length === 0) {
      const written = await song.finish();
      return { written, verdict: await judge(written) };
    }
    // Digits that turned out to be none may have begun a file.
    await song.discard();
    const fetched = await linked.fetch({ links, path: spoolPath, timeoutMs, signal, judge });
    return fetched.ok ? fetched : { why: `the song could not be fetched from its link: ${fetched.why}` };
  }

  async function post(key: string, call: UpstreamCall, song: SongFile) {
    const { contentType, body } = encodeGeneration(call.request);
    const reader = new AnswerReader(song);
    const exchanged = await exchange(
      pool,
      {
        path,
        body,
        headers: {
          authorization: `Bearer ${key}`,
          'content-type': contentType,
          accept: 'application/json',
          'accept-encoding': 'identity',
        },
        timeoutMs: options.timeoutMs,
        maxResponseBytes: options.maxResponseBytes,
        signal: call.signal,
      },
      {
        push(chunk) {
          reader.push(chunk);
          return !song.behind;
        },
        onRoom: (callback) => song.onRoom(callback),
      },
    );
    return { exchanged, answer: uncompressed(exchanged, reader.finish(exchanged.ending === 'complete')) };
  }

  async function discard(song: SongFile): Promise<void> {
    try {
      await song.discard();
    } catch (error) {
      options.logger.warn({ stage: 'upstream', error: (error as Error).message }, 'spool file not removed');
    }
  }

  return {
    generate,
    stop: async () => {
      await Promise.all([pool.destroy(), linked.stop()]);
    },
  };
}

type Taken = { readonly written: WrittenSong; readonly verdict: Verdict } | { readonly why: string };

/** Turns an answer that promises a song into one, or into a paid answer that is none. */
async function withAudio(classified: Classified, path: string, take: () => Promise<Taken>): Promise<UpstreamResult> {
  const { kind, links: _, ...rest } = classified;
  if (kind !== 'song') return { ...rest, kind };
  const unusable = (why: string): UpstreamResult => ({ ...rest, kind: 'unusable_audio', message: why });
  try {
    const taken = await take();
    if ('why' in taken) return unusable(taken.why);
    const { written, verdict } = taken;
    if (!verdict.playable) return unusable(`the audio is no song: ${verdict.why}`);
    const { bytes, sha256 } = written;
    const audio: UpstreamAudio = { path, bytes, sha256, format: verdict.format, durationMs: verdict.durationMs };
    return { ...rest, kind, audio };
  } catch (error) {
    // The answer was paid for and is gone; counting it as charged keeps a full disk from buying it again and again.
    const { code = 'unknown error' } = error as NodeJS.ErrnoException;
    return { ...rest, kind: 'song_lost', message: `the song was paid for and could not be written: ${code}` };
  }
}

/** We accept no compression; an answer that comes compressed all the same is not read. */
export function uncompressed(exchanged: Exchange, answer: Answer): Answer {
  const encoding = header(exchanged, 'content-encoding');
  if (encoding === null || encoding.toLowerCase() === 'identity') return answer;
  return { readable: false, fault: 'it is compressed', kept: new Map(), audio: 'absent', excerpt: '' };
}

export function header(exchanged: Exchange, name: string): string | null {
  const value = exchanged.headers[name];
  return (Array.isArray(value) ? value[0] : value) ?? null;
}

/** Upstreams quote keys in their refusals; ours goes into no record. */
export function withoutKey(classified: Classified, key: string): Classified {
  if (key === '') return classified;
  const hide = (text: string) => text.replaceAll(key, '[key]');
  const { upstream } = classified;
  return {
    ...classified,
    message: hide(classified.message),
    upstream: { ...upstream, message: upstream.message === null ? null : hide(upstream.message) },
  };
}
