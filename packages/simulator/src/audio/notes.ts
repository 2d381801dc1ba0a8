/**
 * The instrument of the simulator: sixteen notes of a pentatonic scale and a rest, each as long as a
 * whole number of MP3 frames, so that a melody is made by joining ready-made pieces.
 */

/** The index of the silent note; the notes before it sound. */
export const REST = 16;
export const NOTE_COUNT = REST + 1;

const NOTE_SECONDS = 0.288;
const LOWEST_HERTZ = 220;
const PENTATONIC_SEMITONES = [0, 2, 4, 7, 9] as const;
/** Notes fade to silence before they end, so that any two can be joined without a click. */
const QUIET_TAIL_SECONDS = 0.05;
const ATTACK_SECONDS = 0.012;

/** Samples in one MP3 frame: MPEG-1 from 32 kHz on, MPEG-2 below (ISO 11172-3, ISO 13818-3). */
export function samplesPerFrame(sampleRate: number): number {
  return sampleRate >= 32_000 ? 1152 : 576;
}

/** How many frames one note lasts at this rate: about 0.29 s. */
export function framesPerNote(sampleRate: number): number {
  return Math.round((NOTE_SECONDS * sampleRate) / samplesPerFrame(sampleRate));
}

/** One note as samples from -1 to 1, `framesPerNote` frames long. */
export function noteSamples(note: number, sampleRate: number): Float32Array {
  const length = framesPerNote(sampleRate) * samplesPerFrame(sampleRate);
  const samples = new Float32Array(length);
  if (note === REST) return samples;
  const hertz = LOWEST_HERTZ * 2 ** (semitones(note) / 12);
  const audible = length - Math.round(QUIET_TAIL_SECONDS * sampleRate);
  for (let i = 0; i < audible; i += 1) {
    const t = i / sampleRate;
    const envelope = Math.min(1, t / ATTACK_SECONDS) * Math.cos((Math.PI / 2) * (i / audible));
    const turn = 2 * Math.PI * hertz * t;
    samples[i] = 0.35 * envelope * (Math.sin(turn) + 0.3 * Math.sin(2 * turn) + 0.1 * Math.sin(3 * turn));
  }
  return samples;
}

function semitones(note: number): number {
  const octave = Math.floor(note / PENTATONIC_SEMITONES.length);
  return 12 * octave + (PENTATONIC_SEMITONES[note % PENTATONIC_SEMITONES.length] ?? 0);
}
