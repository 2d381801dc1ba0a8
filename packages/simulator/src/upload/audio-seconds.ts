/** What a file is and how long it plays, from its own structure; null when it is neither wav nor mp3. */
export function audioSeconds(file: Buffer): number | null {
  if (file.length > 44 && file.toString('latin1', 0, 4) === 'RIFF' && file.toString('latin1', 8, 12) === 'WAVE') {
    return wavSeconds(file);
  }
  return mp3Seconds(file);
}

function wavSeconds(file: Buffer): number | null {
  let bytesPerSecond = 0;
  for (let at = 12; at + 8 <= file.length; ) {
    const id = file.toString('latin1', at, at + 4);
    const size = file.readUInt32LE(at + 4);
    if (id === 'fmt ' && at + 20 <= file.length) bytesPerSecond = file.readUInt32LE(at + 16);
    if (id === 'data') {
      const present = Math.min(size, file.length - at - 8);
      return bytesPerSecond > 0 ? present / bytesPerSecond : null;
    }
    at += 8 + size + (size & 1);
  }
  return null;
}

const KBPS_MPEG1 = [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320];
const KBPS_MPEG2 = [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160];
const HERTZ_MPEG1 = [44_100, 48_000, 32_000];
/** Fewer layer III frames in a row than this are chance, not a song. */
const LEAST_FRAMES = 4;

function mp3Seconds(file: Buffer): number | null {
  let seconds = 0;
  let frames = 0;
  for (let at = afterId3(file); at + 4 <= file.length; ) {
    const frame = mp3Frame(file.readUInt32BE(at));
    if (frame === null) {
      // Tags after the last frame are no part of the song; junk before the first is no song.
      break;
    }
    seconds += frame.seconds;
    frames += 1;
    at += frame.bytes;
  }
  return frames >= LEAST_FRAMES ? seconds : null;
}

function afterId3(file: Buffer): number {
  if (file.length < 10 || file.toString('latin1', 0, 3) !== 'ID3') return 0;
  return 10 + [6, 7, 8, 9].reduce((size, at) => (size << 7) | (file.readUInt8(at) & 0x7f), 0);
}

/** Size and length of the MPEG layer III frame with this header (ISO 11172-3); null when it is none. */
function mp3Frame(header: number): { bytes: number; seconds: number } | null {
  const version = (header >>> 19) & 3;
  const isLayer3 = ((header >>> 17) & 3) === 1;
  if (header >>> 21 !== 0x7ff || version === 1 || !isLayer3) return null;
  const mpeg1 = version === 3;
  const kbps = (mpeg1 ? KBPS_MPEG1 : KBPS_MPEG2)[(header >>> 12) & 15] ?? 0;
  const divisor = { 3: 1, 2: 2, 0: 4 }[version] ?? 1;
  const hertz = (HERTZ_MPEG1[(header >>> 10) & 3] ?? 0) / divisor;
  if (kbps === 0 || hertz === 0) return null;
  const bytes = Math.floor(((mpeg1 ? 144 : 72) * kbps * 1000) / hertz) + ((header >>> 9) & 1);
  return { bytes, seconds: (mpeg1 ? 1152 : 576) / hertz };
}
