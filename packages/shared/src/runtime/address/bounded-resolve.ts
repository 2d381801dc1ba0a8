import type { Resolve } from './resolve.ts';

/**
 * Bounds how many look-ups run at once. The system's look-up holds a thread of libuv's for as long as a name
 * server is silent, ten seconds and more, and cannot be taken back: hosts that strangers name would else hold
 * every one that the process has, and whoever else looks a host up, such as the upstream's, would wait for
 * minutes. A host is looked up once however many ask for it at that time.
 *
 * @param most at once
 * @param waitMs after which a look-up that has not begun is given up; it rejects
 */
export function boundedResolve(resolve: Resolve, most: number, waitMs: number): Resolve {
  const underWay = new Map<string, Promise<readonly string[]>>();
  const waiting = new Set<() => void>();
  let running = 0;

  async function turn(): Promise<void> {
    if (running < most) {
      running += 1;
      return;
    }
    const { promise, resolve: begin, reject } = Promise.withResolvers<void>();
    waiting.add(begin);
    const timer = setTimeout(() => {
      waiting.delete(begin);
      reject(new Error('too many look-ups are under way'));
    }, waitMs);
    await promise.finally(() => clearTimeout(timer));
  }

  /** The next one takes over our place, if there is one. */
  function leave(): void {
    const [next] = waiting;
    if (next === undefined) running -= 1;
    else {
      waiting.delete(next);
      next();
    }
  }

  async function lookUp(host: string): Promise<readonly string[]> {
    await turn();
    try {
      return await resolve(host);
    } finally {
      leave();
    }
  }

  return (host) => {
    const known = underWay.get(host);
    if (known !== undefined) return known;
    const begun = lookUp(host).finally(() => underWay.delete(host));
    underWay.set(host, begun);
    return begun;
  };
}
