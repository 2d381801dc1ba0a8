const RATE = 16_000;
/** The upstream takes what is longer than ten seconds. */
const SECONDS = 12;
const BEAT_SECONDS = 0.5;

/** Half tones above A3; a rest is null. */
const MELODY = [0, 3, 5, 7, 7, 5, 3, null, 0, 3, 7, 10, 7, 5, 3, 0, 5, 8, 7, 5, 3, 2, 0, null];
const CHORDS = [
  [-12, 0, 3, 7],
  [-16, -4, 0, 3],
  [-9, -2, 3, 7],
  [-14, -2, 2, 5],
];

/** A sung-like melody, alone: a voice with overtones of an open vowel and some vibrato. @returns {Blob} wav */
export function sungMelody() {
  let phase = 0;
  return wav((seconds) => {
    const beat = Math.floor(seconds / BEAT_SECONDS);
    const note = MELODY[beat % MELODY.length];
    if (note === null) return 0;
    const into = (seconds % BEAT_SECONDS) / BEAT_SECONDS;
    phase += (2 * Math.PI * pitch(note) * (1 + 0.006 * Math.sin(2 * Math.PI * 5.5 * seconds))) / RATE;
    const vowel = [1, 0.7, 0.35, 0.4, 0.15, 0.05];
    const sound = vowel.reduce((sum, loud, i) => sum + loud * Math.sin(phase * (i + 1)), 0);
    return 0.25 * swell(into, 0.08, 0.25) * sound;
  });
}

/** A loop of four chords, struck on every beat. @returns {Blob} wav */
export function chordLoop() {
  return wav((seconds) => {
    const beat = Math.floor(seconds / BEAT_SECONDS);
    const chord = CHORDS[Math.floor(beat / 4) % CHORDS.length];
    const into = seconds % BEAT_SECONDS;
    const sound = chord.reduce((sum, note) => sum + Math.sin(2 * Math.PI * pitch(note) * seconds), 0);
    return 0.15 * Math.exp(-3 * into) * swell(into / BEAT_SECONDS, 0.01, 0.02) * sound;
  });
}

const pitch = (note) => 220 * 2 ** (note / 12);

/** Rises in the first part of a note and falls in its last, so that nothing clicks. */
const swell = (into, rise, fall) => Math.min(1, into / rise, (1 - into) / fall);

/** 16 bit, one channel. `sound` answers -1 to 1 for each moment, in order. */
function wav(sound) {
  const count = SECONDS * RATE;
  const bytes = Buffer.alloc(44 + count * 2);
  bytes.write('RIFF', 0);
  bytes.writeUInt32LE(36 + count * 2, 4);
  bytes.write('WAVEfmt ', 8);
  bytes.writeUInt32LE(16, 16);
  bytes.writeUInt16LE(1, 20);
  bytes.writeUInt16LE(1, 22);
  bytes.writeUInt32LE(RATE, 24);
  bytes.writeUInt32LE(RATE * 2, 28);
  bytes.writeUInt16LE(2, 32);
  bytes.writeUInt16LE(16, 34);
  bytes.write('data', 36);
  bytes.writeUInt32LE(count * 2, 40);
  for (let i = 0; i < count; i++) {
    const level = Math.max(-1, Math.min(1, sound(i / RATE)));
    bytes.writeInt16LE(Math.round(level * 32_767), 44 + i * 2);
  }
  return new Blob([bytes], { type: 'audio/wav' });
}
