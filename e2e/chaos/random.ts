import type { Random } from './types.ts';

/**
 * Numbers in [0, 1) that depend on the seed alone (mulberry32). The same words give the same sequence, so that each
 * job and each fault has a sequence of its own, whatever runs beside it.
 */
export function randomOf(...words: readonly (string | number)[]): Random {
  let state = hash(words.join('\n'));
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** One of them, each as likely as its weight. */
export function pickByWeight<T extends { readonly weight: number }>(all: readonly T[], random: Random): T {
  let left = random() * all.reduce((sum, { weight }) => sum + weight, 0);
  for (const each of all) {
    left -= each.weight;
    if (left < 0) return each;
  }
  return all.at(-1)!;
}

export function pick<T>(all: readonly T[], random: Random): T {
  return all[Math.floor(random() * all.length)]!;
}

/** FNV-1a, 32 bits. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) value = Math.imul(value ^ text.charCodeAt(at), 0x01000193);
  return value;
}
