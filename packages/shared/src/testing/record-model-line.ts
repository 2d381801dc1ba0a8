import type { Charge, Outcome, Priority, Status, UnknownChargePolicy } from '../contract/words.ts';
import { exposed } from './record-model-probes.ts';

/** A call as the model knows it; `outcome` is null while it is open. */
export interface ModelAttempt {
  readonly token: string;
  readonly run: number;
  readonly worker: string;
  /** The step at which it was claimed. */
  readonly step: number;
  /** Published although nobody remembers its claim. */
  readonly found: boolean;
  outcome: Outcome | null;
  charge: Charge | null;
  lifted: boolean;
}

export interface ModelRecord {
  readonly id: string;
  readonly project: string;
  readonly priority: Priority;
  readonly model: string;
  readonly policy: UnknownChargePolicy;
  /** Of which batch it is an item. */
  readonly batch?: string;
  status: Status | '(new)';
  run: number;
  counted: number;
  unknown: number;
  intent: ModelAttempt | null;
  answered: boolean;
  early: boolean;
  /** Rate limited since: not, lately, for more than a day. */
  limited: null | 'lately' | 'for a day';
  attempts: ModelAttempt[];
  song: string | null;
  spare: string | null;
  history: Status[];
  /** Must start by a time, and whether that is over; null = no time, or its first call was made. */
  deadline: null | 'ahead' | 'over';
  /** Scheduled, and its time has come. */
  due: boolean;
  place: null | 'ready' | 'window' | 'parked' | 'scheduled';
  score: number;
  erased: boolean;
}

const CLASS: Readonly<Record<Priority, number>> = { interactive: 0, normal: 1, bulk: 2 };
const CLASS_SPAN = 2 ** 44;
/** The queue in front, said once more with plain objects: fair order, the window and the feeder's lease. */
export class ModelLine {
  feeder: string | null = null;
  /** Who holds the lease of those that come due. */
  waker: string | null = null;
  readonly #records: readonly ModelRecord[];
  readonly #windowSize: number;
  readonly #virtual = new Map<string, number>();
  readonly #finish = new Map<string, number>();

  constructor(records: readonly ModelRecord[], windowSize: number) {
    this.#records = records;
    this.#windowSize = windowSize;
  }

  in(place: 'ready' | 'window' | 'parked' | 'scheduled'): ModelRecord[] {
    const there = this.#records.filter((record) => record.place === place);
    return there.sort((a, b) => a.score - b.score || (a.id < b.id ? -1 : 1));
  }

  anotherMayProbe(record: ModelRecord): boolean {
    const free = (each: ModelRecord) => each.status === 'queued' && each.intent === null && !exposed(each);
    return [...this.in('ready'), ...this.in('window').filter(free)].some((each) => each !== record);
  }

  #room(priority: Priority): number {
    return this.#windowSize * (priority === 'interactive' ? 2 : 1) - this.in('window').length;
  }

  enqueue(record: ModelRecord): boolean {
    const flow = `${record.priority}:${record.project}`;
    const start = Math.max(this.#virtual.get(record.priority) ?? 0, this.#finish.get(flow) ?? 0);
    this.#finish.set(flow, start + 1);
    if (this.#room(record.priority) > 0 && this.in('ready').length === 0) {
      this.#virtual.set(record.priority, start);
      record.place = 'window';
      return true;
    }
    record.place = 'ready';
    record.score = CLASS[record.priority] * CLASS_SPAN + start;
    return false;
  }

  leave(record: ModelRecord): void {
    const wasReady = record.place === 'ready';
    record.place = null;
    const flow = (each: ModelRecord) => `${each.priority}:${each.project}`;
    // The last of a backlog that was taken back leaves no debt.
    if (wasReady && !this.in('ready').some((each) => flow(each) === flow(record))) this.#finish.delete(flow(record));
  }

  feed(worker: string, most: number): ModelRecord[] | null {
    if (this.feeder !== null && this.feeder !== worker) return null;
    this.feeder = worker;
    let room = Math.min(this.#room('normal'), most);
    if (room <= 0 && this.in('ready')[0]?.priority === 'interactive') room = Math.min(this.#room('interactive'), 1);
    const fed = this.in('ready').slice(0, Math.max(room, 0));
    for (const record of fed) {
      this.#virtual.set(record.priority, record.score % CLASS_SPAN);
      record.place = 'window';
    }
    return fed;
  }
}

/** As Redis orders what has the same score. */
export function byId(records: readonly ModelRecord[]): ModelRecord[] {
  return records.toSorted((a, b) => (a.id < b.id ? -1 : 1));
}
