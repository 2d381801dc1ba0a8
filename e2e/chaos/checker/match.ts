/**
 * Pairs as many of `left` with one of `right` each as can be (Kuhn's augmenting paths), so that no choice made early
 * makes a later one look impossible. Groups are the few calls and attempts of one song.
 *
 * @param fits which pairs are possible
 * @returns for each of `left` the index of its partner in `right`, or null
 */
export function matchPairs<L, R>(
  left: readonly L[],
  right: readonly R[],
  fits: (one: L, other: R) => boolean,
): (number | null)[] {
  const ownerOf = new Map<number, number>();
  const tryToPlace = (l: number, tried: Set<number>): boolean => {
    for (let r = 0; r < right.length; r++) {
      if (tried.has(r) || !fits(left[l]!, right[r]!)) continue;
      tried.add(r);
      const owner = ownerOf.get(r);
      if (owner === undefined || tryToPlace(owner, tried)) {
        ownerOf.set(r, l);
        return true;
      }
    }
    return false;
  };
  for (let l = 0; l < left.length; l++) tryToPlace(l, new Set());
  const partners = left.map((): number | null => null);
  for (const [r, l] of ownerOf) partners[l] = r;
  return partners;
}
