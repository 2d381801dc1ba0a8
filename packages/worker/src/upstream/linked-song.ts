import { setTimeout as wait } from 'node:timers/promises';
import { type GuardOptions, openGuardedDispatcher } from '@songmill/shared/runtime/address/guard';
import { guardFailure } from '@songmill/shared/runtime/address/guard-error';
import { addressPolicy } from '@songmill/shared/runtime/address/policy';
import { checkUrl } from '@songmill/shared/runtime/address/url';
import type { Part } from '@songmill/shared/runtime/lifecycle';
import type { Logger } from '@songmill/shared/runtime/logger';
import { type Dispatcher, request } from 'undici';
import { backoffMs } from '../queue/backoff.ts';
import { SongFile, type WrittenSong } from './song-file.ts';
import type { verifyAudio } from './verify-audio.ts';

export type Verdict = Awaited<ReturnType<typeof verifyAudio>>;

export interface LinkedSongsOptions {
  /** Links may lead to the origin of this URL, or to public hosts by https. */
  readonly baseUrl: string;
  readonly maxBytes: number;
  readonly logger: Logger;
  /** How hosts are looked up and connected to, unless as everything else does. */
  readonly network?: Pick<GuardOptions, 'resolve' | 'connect'>;
}

export interface LinkedSongOrder {
  /** Where copies of one song are, the best one first. */
  readonly links: readonly string[];
  /** Where the song goes; nothing may be there. */
  readonly path: string;
  /** For all tries together. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  readonly judge: (written: WrittenSong) => Promise<Verdict>;
}

export type LinkedSong =
  | { readonly ok: true; readonly written: WrittenSong; readonly verdict: Extract<Verdict, { playable: true }> }
  | { readonly ok: false; readonly why: string };

/** Fetches songs that an answer only links to. */
export interface LinkedSongs extends Part {
  /** Never rejects. Without a song nothing is left at the path. */
  fetch(order: LinkedSongOrder): Promise<LinkedSong>;
}

const ROUNDS = 5;
const PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 8000;
const LONGEST_TIMER_MS = 2_147_483_647;

/**
 * The song behind a link is paid for already, so fetching it is tried again by itself, and the call
 * never. A link comes from outside: where it leads is judged before anything is connected, redirects
 * are not followed, and our key does not go with it.
 */
export function openLinkedSongs({ baseUrl, maxBytes, logger, network = {} }: LinkedSongsOptions): LinkedSongs {
  const policy = addressPolicy({ allowOrigins: [baseUrl] });
  const guard = openGuardedDispatcher({
    ...network,
    policy,
    onRefusal: (refusal) => logger.warn({ stage: 'upstream', ...refusal }, 'a link of the upstream is not allowed'),
  });

  async function fetch(order: LinkedSongOrder): Promise<LinkedSong> {
    const end = new AbortController();
    const timer = setTimeout(() => end.abort(), Math.min(order.timeoutMs, LONGEST_TIMER_MS));
    const signal = order.signal ? AbortSignal.any([end.signal, order.signal]) : end.signal;
    try {
      return await fetchUntil(order, signal);
    } finally {
      clearTimeout(timer);
    }
  }

  async function fetchUntil({ links, path, judge }: LinkedSongOrder, signal: AbortSignal): Promise<LinkedSong> {
    let left = links;
    let why = 'there was no time for it';
    for (let round = 0; round < ROUNDS && left.length > 0; round++) {
      if (round > 0)
        await wait(backoffMs(round - 1, PAUSE_MS, LONGEST_PAUSE_MS), undefined, { signal }).catch(() => {});
      const again: string[] = [];
      for (const link of left) {
        if (signal.aborted) return { ok: false, why };
        const tried = await tryOnce(link, path, judge, signal);
        if (tried.ok) return tried;
        why = tried.why;
        if (tried.again) again.push(link);
      }
      left = again;
    }
    return { ok: false, why };
  }

  async function tryOnce(
    link: string,
    path: string,
    judge: LinkedSongOrder['judge'],
    signal: AbortSignal,
  ): Promise<Tried> {
    const address = checkUrl(link, policy);
    if (!address.ok) return { ok: false, why: 'its address is not allowed', again: false };
    const song = new SongFile(path);
    let tried: Tried;
    try {
      const refusal = await download(address.url, song, { dispatcher: guard.dispatcher, maxBytes, signal });
      tried = refusal ?? (await judged(song, judge));
    } catch (error) {
      const failure = guardFailure(error);
      tried = { ok: false, why: WORDS[failure], again: failure !== 'blocked' };
    }
    if (!tried.ok) await song.discard().catch(() => undefined);
    return tried;
  }

  return { fetch, stop: () => guard.stop() };
}

type Tried =
  | Extract<LinkedSong, { ok: true }>
  | { readonly ok: false; readonly why: string /** Worth another try. */; readonly again: boolean };

const WORDS = {
  blocked: 'its address is not allowed',
  dns: 'its host could not be looked up',
  connect: 'the connection broke',
  tls: 'no secure connection could be made',
  timeout: 'it took too long',
} as const;

/** Null when the whole song came. @throws whatever ends a connection */
async function download(
  url: URL,
  song: SongFile,
  { dispatcher, maxBytes, signal }: { dispatcher: Dispatcher; maxBytes: number; signal: AbortSignal },
): Promise<Exclude<Tried, { ok: true }> | null> {
  const headers = { accept: 'audio/*, */*;q=0.1', 'accept-encoding': 'identity' };
  const { statusCode, headers: given, body } = await request(url, { dispatcher, headers, signal });
  const refused = (why: string, again = false) => {
    // Not read any further: the connection is used once only.
    body.on('error', () => undefined).destroy();
    return { ok: false, why, again } as const;
  };
  if (statusCode !== 200) {
    return refused(`its host answered HTTP ${statusCode}`, statusCode >= 500 || [408, 425, 429].includes(statusCode));
  }
  if (![undefined, 'identity'].includes(given['content-encoding']?.toString().toLowerCase())) {
    return refused('it is compressed');
  }
  if (Number(given['content-length']) > maxBytes) return refused('it is too large');
  let bytes = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxBytes) return refused('it is too large');
    song.append(chunk);
    if (song.behind) await new Promise<void>((resolve) => song.onRoom(resolve));
  }
  return null;
}

async function judged(song: SongFile, judge: LinkedSongOrder['judge']): Promise<Tried> {
  let written: WrittenSong;
  try {
    written = await song.finish();
  } catch (error) {
    const { code = 'unknown error' } = error as NodeJS.ErrnoException;
    return { ok: false, why: `it could not be written: ${code}`, again: true };
  }
  const verdict = await judge(written);
  if (verdict.playable) return { ok: true, written, verdict };
  return { ok: false, why: `it is no song: ${verdict.why}`, again: false };
}
