import type { Fault, FaultOrder, Markers } from './grammar.ts';

/** Which route a queued fault is for. */
export type Route = 'generation' | 'upload' | 'file';

export interface QueuedFault {
  readonly order: FaultOrder;
  readonly key: string | null;
  readonly route: Route;
  left: number;
}

/** Counters of markers are forgotten, oldest first, beyond this many. */
const MAX_COUNTERS = 100_000;

/** Decides which fault, if any, the next call plays: the markers of its text first, then the control API's queue. */
export class FaultBook {
  #played = new Map<string, number>();
  #queue: QueuedFault[] = [];

  enqueue(faults: readonly QueuedFault[]): void {
    this.#queue.push(...faults);
  }

  clear(): void {
    this.#queue = [];
    this.#played.clear();
  }

  waiting(): readonly QueuedFault[] {
    return this.#queue;
  }

  /** Takes the fault of one call and counts it as played. */
  take(markers: Markers, route: Route, key: string | null): Fault | null {
    for (const order of markers.orders) {
      if (order.times === null) return order.fault;
      const played = this.#played.get(order.id) ?? 0;
      if (played >= order.times) continue;
      if (this.#played.size >= MAX_COUNTERS) this.#played.delete(this.#played.keys().next().value ?? '');
      this.#played.set(order.id, played + 1);
      return order.fault;
    }
    const index = this.#queue.findIndex((one) => one.route === route && (one.key === null || one.key === key));
    const queued = this.#queue[index];
    if (queued === undefined) return null;
    queued.left -= 1;
    if (queued.left <= 0) this.#queue.splice(index, 1);
    return queued.order.fault;
  }
}
