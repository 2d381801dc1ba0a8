import { randomInt } from 'node:crypto';

/** Ids that are always known, so that samples and tests need no upload: the documented examples. */
export const EVER_VALID_IDS = [
  'vocal-2024112413150824-aj4GKzSM',
  'instrumental-2024112413150824-UE4jIGJY',
  'vocal-2024091210533224-2508',
  'instrumental-2025030600113825-eXqF5sp7',
] as const;

const EVER_VALID_PATTERN = /^(vocal|instrumental)-sim-[\w-]{1,64}$/;
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

/** The ids that uploads gave, in this and earlier runs on the same ledger. */
export class References {
  #ids = new Set<string>(EVER_VALID_IDS);

  isKnown(id: string): boolean {
    return this.#ids.has(id) || EVER_VALID_PATTERN.test(id);
  }

  add(id: string): void {
    this.#ids.add(id);
  }
}

/** An id as seen in captures: kind, yyyyMMddHHmmss, yy, eight letters and digits. */
export function newReferenceId(kind: 'vocal' | 'instrumental', now: Date): string {
  const stamp = now.toISOString().replace(/\D/g, '');
  const tail = Array.from({ length: 8 }, () => ALPHABET[randomInt(ALPHABET.length)]).join('');
  return `${kind}-${stamp.slice(0, 14)}${stamp.slice(2, 4)}-${tail}`;
}
