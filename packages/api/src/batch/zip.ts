import { crc32 } from 'node:zlib';

/** A file of a zip. Its bytes are read when it is its turn. */
export interface ZipEntry {
  /** ASCII, without folders. */
  readonly name: string;
  readonly open: () => AsyncIterable<Uint8Array> | Promise<AsyncIterable<Uint8Array>>;
}

/** What the directory at the end says of an entry. */
interface Written {
  readonly name: Buffer;
  readonly crc: number;
  readonly bytes: number;
  readonly offset: number;
}

const MOST_32 = 0xffff_ffff;
const MOST_16 = 0xffff;
/** The sizes come after the bytes; names are UTF-8. */
const FLAGS = 0x0808;
/** 1980-01-01, the first day that the format knows: the same songs give the same zip. */
const DOS_DATE = 0x21;
const VERSION = 45;

/**
 * A zip as it is made, stored and not compressed (songs are compressed already). Nothing is held but the
 * directory's lines, so its size does not matter: beyond 4 GB the format's 64-bit fields are used
 * (APPNOTE 6.3.10, 4.3). An entry may have 4 GB.
 */
export async function* zipOf(entries: AsyncIterable<ZipEntry>): AsyncGenerator<Uint8Array> {
  const written: Written[] = [];
  let offset = 0;
  for await (const { name: text, open } of entries) {
    const name = Buffer.from(text, 'utf8');
    const began = offset;
    yield localHeader(name);
    let crc = 0;
    let bytes = 0;
    for await (const chunk of await open()) {
      crc = crc32(chunk, crc);
      bytes += chunk.length;
      yield chunk;
    }
    yield descriptor(crc, bytes);
    offset += 30 + name.length + bytes + 16;
    written.push({ name, crc, bytes, offset: began });
  }
  let size = 0;
  for (const entry of written) {
    const line = directoryLine(entry);
    size += line.length;
    yield line;
  }
  yield end(written.length, size, offset);
}

function localHeader(name: Buffer): Buffer {
  const head = Buffer.alloc(30);
  head.writeUInt32LE(0x0403_4b50, 0);
  head.writeUInt16LE(VERSION, 4);
  head.writeUInt16LE(FLAGS, 6);
  head.writeUInt16LE(DOS_DATE, 12);
  head.writeUInt16LE(name.length, 26);
  return Buffer.concat([head, name]);
}

function descriptor(crc: number, bytes: number): Buffer {
  const tail = Buffer.alloc(16);
  tail.writeUInt32LE(0x0807_4b50, 0);
  tail.writeUInt32LE(crc, 4);
  tail.writeUInt32LE(bytes, 8);
  tail.writeUInt32LE(bytes, 12);
  return tail;
}

function directoryLine({ name, crc, bytes, offset }: Written): Buffer {
  const far = offset >= MOST_32;
  const line = Buffer.alloc(46);
  line.writeUInt32LE(0x0201_4b50, 0);
  line.writeUInt16LE(VERSION, 4);
  line.writeUInt16LE(VERSION, 6);
  line.writeUInt16LE(FLAGS, 8);
  line.writeUInt16LE(DOS_DATE, 14);
  line.writeUInt32LE(crc, 16);
  line.writeUInt32LE(bytes, 20);
  line.writeUInt32LE(bytes, 24);
  line.writeUInt16LE(name.length, 28);
  line.writeUInt16LE(far ? 12 : 0, 30);
  line.writeUInt32LE(far ? MOST_32 : offset, 42);
  if (!far) return Buffer.concat([line, name]);
  const extra = Buffer.alloc(12);
  extra.writeUInt16LE(1, 0);
  extra.writeUInt16LE(8, 2);
  extra.writeBigUInt64LE(BigInt(offset), 4);
  return Buffer.concat([line, name, extra]);
}

/** Both ends: the 64-bit one with its locator, then the old one that names it. */
function end(count: number, size: number, offset: number): Buffer {
  const bytes = Buffer.alloc(56 + 20 + 22);
  bytes.writeUInt32LE(0x0606_4b50, 0);
  bytes.writeBigUInt64LE(44n, 4);
  bytes.writeUInt16LE(VERSION, 12);
  bytes.writeUInt16LE(VERSION, 14);
  bytes.writeBigUInt64LE(BigInt(count), 24);
  bytes.writeBigUInt64LE(BigInt(count), 32);
  bytes.writeBigUInt64LE(BigInt(size), 40);
  bytes.writeBigUInt64LE(BigInt(offset), 48);
  bytes.writeUInt32LE(0x0706_4b50, 56);
  bytes.writeBigUInt64LE(BigInt(offset + size), 64);
  bytes.writeUInt32LE(1, 72);
  bytes.writeUInt32LE(0x0605_4b50, 76);
  bytes.writeUInt16LE(Math.min(count, MOST_16), 84);
  bytes.writeUInt16LE(Math.min(count, MOST_16), 86);
  bytes.writeUInt32LE(Math.min(size, MOST_32), 88);
  bytes.writeUInt32LE(Math.min(offset, MOST_32), 92);
  return bytes;
}
