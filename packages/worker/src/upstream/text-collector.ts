/** Collects the first bytes of a piece of an answer, however it was split, and counts the rest. */
export class TextCollector {
  readonly #limit: number;
  #bytes: Buffer = Buffer.alloc(0);
  #used = 0;
  /** Bytes seen, kept or not. */
  length = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get full(): boolean {
    return this.#used === this.#limit;
  }

  /** True when something was left out. */
  get cut(): boolean {
    return this.length > this.#limit;
  }

  add(source: Uint8Array, from: number, to: number): void {
    this.length += to - from;
    const take = Math.min(to - from, this.#limit - this.#used);
    if (take <= 0) return;
    if (this.#used + take > this.#bytes.length) {
      const grown = Buffer.alloc(Math.min(this.#limit, Math.max(64, 2 * (this.#used + take))));
      this.#bytes.copy(grown, 0, 0, this.#used);
      this.#bytes = grown;
    }
    this.#bytes.set(source.subarray(from, from + take), this.#used);
    this.#used += take;
  }

  reset(): void {
    this.#used = 0;
    this.length = 0;
  }

  /** The bytes as UTF-8; broken sequences become U+FFFD. */
  text(): string {
    return this.#bytes.toString('utf8', 0, this.#used);
  }

  /**
   * The bytes as the inside of a JSON string, unescaped; null when it breaks JSON's rules. What was
   * cut may end within an escape or a character, so a cut text is shortened to its last whole one.
   */
  json(): string | null {
    const text = this.text();
    if (!/[\\\u0000-\u001f]/.test(text)) return text;
    const whole = this.cut ? text.replace(/(?<!\\)((?:\\\\)*)\\(u[0-9a-fA-F]{0,3})?$/, '$1') : text;
    try {
      return JSON.parse(`"${whole}"`) as string;
    } catch {
      // JSON.parse names no class of its own here: a SyntaxError is the only thing it throws.
      return null;
    }
  }
}
