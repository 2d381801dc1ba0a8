/** Silence as MP3: frames of MPEG-1 layer III, 128 kbit/s, 44.1 kHz, 26.12 ms and 417 bytes each. */
export function silentMp3(frames: number): Buffer {
  const frame = Buffer.alloc(417);
  frame.writeUInt32BE(0xfffb9064);
  return Buffer.concat(Array.from({ length: frames }, () => frame));
}

/** Silence as WAV: 16 bit, mono, 16 kHz. */
export function silentWav(ms: number): Buffer {
  const bytes = ms * 32;
  const head = Buffer.alloc(44);
  head.write('RIFF', 0);
  head.writeUInt32LE(36 + bytes, 4);
  head.write('WAVEfmt ', 8);
  head.writeUInt32LE(16, 16);
  head.writeUInt16LE(1, 20);
  head.writeUInt16LE(1, 22);
  head.writeUInt32LE(16_000, 24);
  head.writeUInt32LE(32_000, 28);
  head.writeUInt16LE(2, 32);
  head.writeUInt16LE(16, 34);
  head.write('data', 36);
  head.writeUInt32LE(bytes, 40);
  return Buffer.concat([head, Buffer.alloc(bytes)]);
}

/** A success as MiniMax documents it. */
export function success(song: Buffer): string {
  return JSON.stringify({
    data: { status: 2, audio: song.toString('hex') },
    trace_id: '04ede0ab069fb1ba8be5156a24b1e081',
    extra_info: { audio_length: 10000, audio_size: song.length, audio_bitrate: 128000, audio_sample_rate: 44100 },
    base_resp: { status_code: 0, status_msg: 'success' },
  });
}
