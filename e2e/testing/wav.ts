/** A mono 16-bit wav of a plain tone; two pitches of one length are two files. */
export function wav(seconds: number, { rate = 8000, hertz = 220 }: { rate?: number; hertz?: number } = {}): Blob {
  const count = Math.round(seconds * rate);
  const bytes = Buffer.alloc(44 + count * 2);
  bytes.write('RIFF', 0);
  bytes.writeUInt32LE(36 + count * 2, 4);
  bytes.write('WAVEfmt ', 8);
  bytes.writeUInt32LE(16, 16);
  bytes.writeUInt16LE(1, 20);
  bytes.writeUInt16LE(1, 22);
  bytes.writeUInt32LE(rate, 24);
  bytes.writeUInt32LE(rate * 2, 28);
  bytes.writeUInt16LE(2, 32);
  bytes.writeUInt16LE(16, 34);
  bytes.write('data', 36);
  bytes.writeUInt32LE(count * 2, 40);
  for (let i = 0; i < count; i++)
    bytes.writeInt16LE(Math.round(8000 * Math.sin((i * hertz * 2 * Math.PI) / rate)), 44 + i * 2);
  return new Blob([bytes], { type: 'audio/wav' });
}
