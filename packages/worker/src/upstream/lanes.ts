/** Runs work, at most so much of it at once, in the order in which it was asked for. */
export type Lanes = <T>(work: () => Promise<T>) => Promise<T>;

/** @param count how many pieces of work may run at once */
export function openLanes(count: number): Lanes {
  let free = count;
  const waiting: (() => void)[] = [];
  return async (work) => {
    if (free > 0) free--;
    else await new Promise<void>((turn) => waiting.push(turn));
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      // The lane is handed on: whoever comes now must not overtake those who wait.
      if (next) next();
      else free++;
    }
  };
}
