import type { Song } from '../audio/song.ts';
import type { SimulatorConfig } from '../config.ts';
import { baseResp } from '../envelopes.ts';
import type { Fault } from '../faults/grammar.ts';
import { byteLength } from '../reply.ts';

export interface SuccessParts {
  readonly model: string;
  readonly song: Song;
  readonly traceId: string;
  readonly shape: SimulatorConfig['answer'];
  /** Where the song can be fetched; null = the answer holds its hex. */
  readonly url: string | null;
}

const MEGABYTE = 1_000_000;
const PAD_DIGITS = 1000;
const DEFAULT_HUGE_MEGABYTES = 32;

/**
 * The body of a success, as pieces that are never joined: hex of the ready-made notes and a little
 * JSON around them. A fault spoils it in its own way.
 */
export function successBody(parts: SuccessParts, fault: Fault | null): Buffer[] {
  const { song, url, shape, traceId } = parts;
  const audio = url === null ? audioHex(song.hex, fault) : [Buffer.from(url)];
  const status = fault?.name === 'data_status' ? fault.value : 2;
  const members: Record<string, unknown> = {};
  if (shape.trace_id) members['trace_id'] = traceId;
  if (shape.extra_info) Object.assign(members, extraInfo(parts.model, song));
  if (shape.base_resp) members['base_resp'] = baseResp(0);
  const tail = JSON.stringify(members).slice(1, -1);
  const key = fault?.name === 'escaped' ? '"\\u0061udio"' : '"audio"';
  const head = `{${fault?.name === 'decoy' ? DECOY_BEFORE : ''}"data":{"status":${status},${spoiler(fault)}${key}:"`;
  const close = `"${url === null ? '' : `,"audio_url":${JSON.stringify(url)}`}}${tail === '' ? '' : `,${tail}`}}`;
  const body = [Buffer.from(head), ...audio, Buffer.from(close)];
  return fault?.name === 'truncate' ? firstHalf(body) : body;
}

/** The first half of a body, cut in the middle of a piece if need be. */
export function firstHalf(pieces: readonly Buffer[]): Buffer[] {
  let left = Math.floor(byteLength(pieces) / 2);
  const half: Buffer[] = [];
  for (const piece of pieces) {
    if (left <= 0) break;
    half.push(piece.subarray(0, left));
    left -= piece.length;
  }
  return half;
}

const DECOY_BEFORE =
  '"analysis_info":{"audio":"deadbeef","data":{"audio":"cafe","status":1},"text":"\\"data\\":{\\"audio\\":\\"00ff\\"}"},"audio":"0bad",';

/** What stands between `status` and the real audio key. */
function spoiler(fault: Fault | null): string {
  if (fault?.name === 'duplicate') return '"audio":"00",';
  if (fault?.name === 'decoy') return '"extra":{"audio":"beef","status":1},"list":[{"audio":"f00d"}],';
  if (fault?.name !== 'late') return '';
  const keys = Math.ceil((MEGABYTE * (fault.value ?? 1)) / PAD_DIGITS);
  return Array.from({ length: keys }, (_, i) => `"pad_${i}":"${'0'.repeat(PAD_DIGITS)}",`).join('');
}

function audioHex(hex: readonly Buffer[], fault: Fault | null): Buffer[] {
  switch (fault?.name) {
    case 'empty':
      return [];
    case 'odd':
      return [...hex.slice(0, -1), (hex.at(-1) as Buffer).subarray(0, -1)];
    case 'badhex':
      return withBadDigit(hex, fault.value);
    case 'garbage':
      return [Buffer.from(Buffer.from('this is no audio. '.repeat(1000)).toString('hex'))];
    case 'huge':
      return repeated(hex, (fault.value ?? DEFAULT_HUGE_MEGABYTES) * MEGABYTE);
    default:
      return [...hex];
  }
}

/** Puts a `z` at the digit; negative counts from the end, without a place it is the middle. */
function withBadDigit(hex: readonly Buffer[], place: number | null): Buffer[] {
  const all = Buffer.concat(hex);
  const at = place === null ? all.length >> 1 : place < 0 ? all.length + place : place;
  all[Math.min(Math.max(0, at), all.length - 1)] = 'z'.charCodeAt(0);
  return [all];
}

function repeated(hex: readonly Buffer[], atLeastBytes: number): Buffer[] {
  const pieces: Buffer[] = [...hex];
  const notes = hex.slice(1);
  const noteBytes = byteLength(notes);
  for (let size = byteLength(pieces); size < atLeastBytes; size += noteBytes) pieces.push(...notes);
  return pieces;
}

/** The names of the music-01 era come from one client's types; the later ones from the documentation. */
function extraInfo(model: string, song: Song): Record<string, unknown> {
  if (model === 'music-01') {
    return {
      extra_info: {
        audio_length: song.durationMs,
        audio_size: song.bytes,
        audio_bitrate: song.bitrate,
        audio_sample_rate: song.sampleRate,
      },
    };
  }
  return {
    extra_info: {
      music_duration: song.durationMs,
      music_sample_rate: song.sampleRate,
      music_channel: song.channels,
      bitrate: song.bitrate,
      music_size: song.bytes,
    },
    analysis_info: null,
  };
}
