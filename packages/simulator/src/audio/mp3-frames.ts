import { createMp3Encoder } from 'wasm-media-encoders';
import { framesPerNote, NOTE_COUNT, noteSamples, samplesPerFrame } from './notes.ts';

/**
 * MP3 frames that can be joined in any order. An encoder spreads the data of a frame over its
 * neighbours (the bit reservoir), so its frames cannot; here each is repacked to hold all of its own.
 * Layout of header and side information: ISO 11172-3 and, for the lower rates, ISO 13818-3.
 */

/** Silence of this many frames before the scale lets the encoder settle. */
const LEAD_IN_FRAMES = 2;
/** LAME delays by 576 samples and every decoder by 529: a sample put in at p comes out at p + 1105. */
const CODEC_DELAY_SAMPLES = 1105;
/** Encoding at half of the wanted bitrate or less leaves room to repack without the reservoir. */
const MAX_ENCODED_KBPS = 64;
const MIN_ENCODED_KBPS = { mpeg1: 32, mpeg2: 16 } as const;

const BITRATES_KBPS = {
  mpeg1: [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
  mpeg2: [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
} as const;

/** The frames of every note at one rate, all of the same size. */
export interface FrameTable {
  readonly sampleRate: number;
  /** Bits per second; 256,000 becomes 160,000 below 32 kHz, the most that MPEG-2 can say. */
  readonly bitrate: number;
  readonly frameBytes: number;
  /** One buffer per note, `framesPerNote` frames each. */
  readonly notes: readonly Buffer[];
}

/**
 * Encodes the scale once (some tens of milliseconds) and repacks its frames.
 *
 * @param sampleRate hertz: 16000, 24000, 32000 or 44100
 * @param bitrate bits per second
 */
export async function makeFrameTable(sampleRate: number, bitrate: number): Promise<FrameTable> {
  const mpeg1 = sampleRate >= 32_000;
  const kbps = Math.min(bitrate / 1000, mpeg1 ? 320 : 160);
  const index = (mpeg1 ? BITRATES_KBPS.mpeg1 : BITRATES_KBPS.mpeg2).findIndex((rate) => rate === kbps);
  if (index < 1) throw new RangeError(`no MP3 has ${bitrate} bit/s at ${sampleRate} Hz`);
  const frameBytes = Math.floor(((mpeg1 ? 144 : 72) * kbps * 1000) / sampleRate);
  const least = mpeg1 ? MIN_ENCODED_KBPS.mpeg1 : MIN_ENCODED_KBPS.mpeg2;
  const encodedKbps = Math.max(least, Math.min(kbps / 2, MAX_ENCODED_KBPS));
  const encoded = splitFrames(await encodeScale(sampleRate, encodedKbps), sampleRate);
  const packed = repack(encoded, mpeg1, index, frameBytes);
  const perNote = framesPerNote(sampleRate);
  const first = LEAD_IN_FRAMES + Math.floor(CODEC_DELAY_SAMPLES / samplesPerFrame(sampleRate));
  const notes = Array.from({ length: NOTE_COUNT }, (_, note) =>
    Buffer.concat(packed.slice(first + note * perNote, first + (note + 1) * perNote)),
  );
  return { sampleRate, bitrate: kbps * 1000, frameBytes, notes };
}

async function encodeScale(sampleRate: number, kbps: number): Promise<Buffer> {
  const frame = samplesPerFrame(sampleRate);
  const noteLength = framesPerNote(sampleRate) * frame;
  const samples = new Float32Array(noteLength * NOTE_COUNT + frame * (LEAD_IN_FRAMES + 4));
  for (let note = 0; note < NOTE_COUNT; note += 1) {
    samples.set(noteSamples(note, sampleRate), LEAD_IN_FRAMES * frame + note * noteLength);
  }
  const encoder = await createMp3Encoder();
  encoder.configure({ sampleRate, channels: 1, outputSampleRate: sampleRate as 44100, bitrate: kbps as 64 });
  // The encoder reuses its memory: each answer is copied before the next call.
  const body = Buffer.from(encoder.encode([samples]));
  return Buffer.concat([body, Buffer.from(encoder.finalize())]);
}

function splitFrames(stream: Buffer, sampleRate: number): Buffer[] {
  const mpeg1 = sampleRate >= 32_000;
  const rates = mpeg1 ? BITRATES_KBPS.mpeg1 : BITRATES_KBPS.mpeg2;
  const frames: Buffer[] = [];
  for (let at = 0; at + 4 <= stream.length; ) {
    const third = stream.readUInt8(at + 2);
    const kbps = rates[third >> 4] ?? 0;
    const size = Math.floor(((mpeg1 ? 144 : 72) * kbps * 1000) / sampleRate) + ((third >> 1) & 1);
    if (stream.readUInt8(at) !== 0xff || kbps === 0) throw new Error(`the encoder wrote no frame at byte ${at}`);
    const frame = stream.subarray(at, at + size);
    const isInfoTag = frame.includes('Xing') || frame.includes('Info');
    if (!isInfoTag) frames.push(frame);
    at += size;
  }
  return frames;
}

function repack(frames: readonly Buffer[], mpeg1: boolean, bitrateIndex: number, frameBytes: number): Buffer[] {
  const sideBytes = mpeg1 ? 17 : 9;
  const reservoirBits = mpeg1 ? 9 : 8;
  let reservoir: Buffer = Buffer.alloc(0);
  let last: Buffer = Buffer.alloc(frameBytes);
  return frames.map((frame) => {
    const side = frame.subarray(4, 4 + sideBytes);
    const own = frame.subarray(4 + sideBytes);
    const begin = reservoir.length - bits(side, 0, reservoirBits);
    const dataBits = mpeg1 ? bits(side, 18, 12) + bits(side, 77, 12) : bits(side, 9, 12);
    reservoir = Buffer.concat([reservoir, own]);
    const data = reservoir.subarray(Math.max(0, begin), Math.max(0, begin) + Math.ceil(dataBits / 8));
    reservoir = reservoir.subarray(Math.max(0, reservoir.length - 511));
    // Only at 32 kbit/s some frames need more than their own room: the sound before goes on instead.
    if (begin < 0 || data.length > frameBytes - 4 - sideBytes) return last;
    const packed = Buffer.alloc(frameBytes);
    frame.copy(packed, 0, 0, 4);
    packed[2] = (bitrateIndex << 4) | (frame.readUInt8(2) & 0b0000_1101);
    side.copy(packed, 4);
    packed[4] = 0;
    if (mpeg1) packed[5] = packed.readUInt8(5) & 0x7f;
    data.copy(packed, 4 + sideBytes);
    last = packed;
    return packed;
  });
}

function bits(bytes: Buffer, from: number, count: number): number {
  let value = 0;
  for (let i = from; i < from + count; i += 1) value = (value << 1) | ((bytes.readUInt8(i >> 3) >> (7 - (i & 7))) & 1);
  return value;
}
