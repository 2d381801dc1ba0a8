import { createHash } from 'node:crypto';
import { type FileHandle, open, rm } from 'node:fs/promises';
import type { AudioSink } from './decode.ts';
import { decodeHex, hexDigit } from './hex.ts';

/** A song that was written to its file, or that is small enough to be held whole until then. */
export interface WrittenSong {
  readonly bytes: number;
  readonly sha256: string;
  /** The whole song when it fits in one block, so that nobody needs to read it back. */
  readonly whole: Buffer | null;
}

const BLOCK_BYTES = 65_536;
/** Blocks that may wait for the disk before the reader of the answer has to. */
const MOST_WAITING = 2;

/**
 * Decodes hex digits into a file as they arrive, 64 KiB at a time, with the SHA-256 of the bytes.
 * Bytes may be given as they are, too, but not to the same file.
 * The file is made when the first block is full or at the end, so an answer without a song makes none.
 */
export class SongFile implements AudioSink {
  readonly #path: string;
  readonly #hash = createHash('sha256');
  #block: Buffer = Buffer.alloc(0);
  #used = 0;
  /** The first digit of a byte whose second one has not come yet; -1 for none. */
  #high = -1;
  #bytes = 0;
  #waiting = 0;
  #file: FileHandle | null = null;
  #made = false;
  #writes: Promise<void> = Promise.resolve();
  #error: Error | null = null;
  #onRoom: (() => void) | null = null;

  /** @param path where the song goes; nothing may be there */
  constructor(path: string) {
    this.#path = path;
  }

  digits(source: Uint8Array, from: number, to: number): boolean {
    let at = from;
    if (this.#high !== -1) {
      const low = hexDigit(source[at++] as number);
      if (low > 15) return false;
      this.#room(1);
      this.#block[this.#used++] = (this.#high << 4) | low;
      this.#high = -1;
    }
    while (to - at >= 2) {
      this.#room((to - at) >> 1);
      const count = Math.min((to - at) >> 1, this.#block.length - this.#used);
      if (!decodeHex(source, at, at + 2 * count, this.#block, this.#used)) return false;
      this.#used += count;
      at += 2 * count;
    }
    if (at === to) return true;
    this.#high = hexDigit(source[at] as number);
    return this.#high < 16;
  }

  /** Takes bytes that are no digits: a song that was downloaded. */
  append(source: Uint8Array): void {
    for (let at = 0; at < source.length; ) {
      this.#room(source.length - at);
      const count = Math.min(source.length - at, this.#block.length - this.#used);
      this.#block.set(source.subarray(at, at + count), this.#used);
      this.#used += count;
      at += count;
    }
  }

  /** True while the disk is behind: whoever feeds this should wait for `room`. */
  get behind(): boolean {
    return this.#waiting >= MOST_WAITING;
  }

  /** Calls back once, when the disk has caught up. */
  onRoom(callback: () => void): void {
    this.#onRoom = callback;
  }

  /**
   * Writes what is left and closes the file.
   * @throws the error of the disk
   */
  async finish(): Promise<WrittenSong> {
    const whole = this.#bytes === 0 ? this.#block.subarray(0, this.#used) : null;
    this.#flush();
    await this.#close();
    if (this.#error) throw this.#error;
    return { bytes: this.#bytes, sha256: this.#hash.digest('hex'), whole };
  }

  /** Closes the file and removes it; nothing is left of it. Safe after `finish`, and twice. */
  async discard(): Promise<void> {
    this.#used = 0;
    await this.#close();
    if (this.#made) await rm(this.#path, { force: true });
  }

  /** Makes room for at least one byte: a new block when the last is full, sized for small songs first. */
  #room(wanted: number): void {
    if (this.#used < this.#block.length) return;
    if (this.#used === BLOCK_BYTES) this.#flush();
    const small = Math.max(this.#used + wanted, 2 * this.#used, 4096);
    const size = this.#bytes > 0 ? BLOCK_BYTES : Math.min(BLOCK_BYTES, small);
    const grown = Buffer.allocUnsafeSlow(size);
    this.#block.copy(grown, 0, 0, this.#used);
    this.#block = grown;
  }

  #flush(): void {
    const block = this.#block.subarray(0, this.#used);
    this.#block = Buffer.alloc(0);
    this.#used = 0;
    if (block.length === 0) return;
    this.#bytes += block.length;
    this.#hash.update(block);
    this.#waiting++;
    this.#writes = this.#writes.then(() => this.#write(block));
  }

  async #write(block: Buffer): Promise<void> {
    try {
      if (this.#error === null) {
        if (this.#file === null) {
          this.#file = await open(this.#path, 'wx', 0o640);
          this.#made = true;
        }
        for (let at = 0; at < block.length; ) at += (await this.#file.write(block, at)).bytesWritten;
      }
    } catch (error) {
      this.#error = error as Error;
    }
    this.#waiting--;
    if (!this.behind) {
      const callback = this.#onRoom;
      this.#onRoom = null;
      callback?.();
    }
  }

  async #close(): Promise<void> {
    await this.#writes;
    const file = this.#file;
    this.#file = null;
    await file?.close();
  }
}
