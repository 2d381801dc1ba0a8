import type { Storage } from '@songmill/shared/runtime/storage/storage';
import type { SimulatorControl } from '../testing/simulator-control.ts';
import type { FaultProxy } from '@songmill/shared/testing/tcp-proxy';
import type { TestProcess } from '@songmill/shared/testing/processes';
import type { TestRedis } from '@songmill/shared/testing/redis';
import type { CrashPoint as WorkersCrashPoint } from '@songmill/worker/queue/crash-points';

/** Numbers in [0, 1) that depend on the seed alone. */
export type Random = () => number;

/** Where a worker of the suite may be told to die or to throw: the words that `startWorker` gives to its `crashPoint`. */
export type CrashPoint = WorkersCrashPoint;

/** What a worker does at the next passing of a crash point. */
export interface CrashOrder {
  readonly point: CrashPoint;
  /** `kill`: SIGKILL by itself, with nothing flushed. `throw`: the crash point throws. */
  readonly how: 'kill' | 'throw';
  /** Only when this generation passes; any by default. */
  readonly id?: string;
  /** How many passings; 1 by default. After a `kill` the order is gone, also for the restarted worker. */
  readonly times?: number;
}

export interface ArmedCrash {
  /** Resolves with the generation's id at the first firing; with null when it is disarmed or its process ends otherwise. */
  readonly fired: Promise<string | null>;
  disarm(): Promise<void>;
}

/** One of our processes, on a wire to Redis of its own that can be broken. */
export interface ChaosProcess {
  readonly kind: 'api' | 'worker';
  /** Stable over restarts: `api 0`, `worker 2`. */
  readonly name: string;
  readonly proxy: FaultProxy;
  /** The process now; null while it is down. */
  readonly process: TestProcess | null;
  /** Its address, which an API keeps over restarts; null before the first start. */
  readonly url: string | null;
  /** Worker ids (`wrk_…`) that this one has had, the newest last. Empty for an API. */
  readonly workerIds: readonly string[];
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** SIGTERM; resolves with its end. */
  stop(): Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
  /** Starts it (again), with these settings over the run's own. */
  start(env?: Readonly<Record<string, string>>): Promise<void>;
  /** Tells a running worker where to die or to throw; resolves when the worker knows. An API refuses. */
  crashAt(order: CrashOrder): Promise<ArmedCrash>;
}

/**
 * How the receiver of webhooks answers: `well` 204, `refuse` 500, `redirect` 307 to a place of its own, `gone` 410,
 * `silent` not at all, `reset` by breaking the connection, `half` a 200 that breaks off, `lose` a 204 that never
 * gets back.
 */
export type Manner = 'well' | 'refuse' | 'redirect' | 'gone' | 'silent' | 'reset' | 'half' | 'lose';

/** A line of `deliveries.jsonl` in the data folder: one request that the receiver of webhooks got whole. */
export interface DeliveryLine {
  /** ISO time at which it came. */
  readonly at: string;
  readonly url: string;
  readonly webhook_id: string;
  /** Of the body's bytes. */
  readonly sha256: string;
  /** Whether `standardwebhooks` takes its signature and time. */
  readonly verified: boolean;
  readonly type: string;
  /** `timestamp` of the body: when it happened. */
  readonly event_at: string;
  /** `id` and `sequence` of the body's `data`, where it has them. */
  readonly subject: string | null;
  readonly sequence: number | null;
  readonly manner: Manner;
  /** What the receiver said, or began to say; null: nothing. */
  readonly answered: number | null;
  /** Whether it could say all of it. */
  readonly whole: boolean;
}

/** An HTTP server that every webhook of a run goes to. */
export interface WebhookReceiver {
  /** Its origin. */
  readonly url: string;
  /** What it got so far, as noted. */
  readonly lines: readonly DeliveryLine[];
  /** How it answers from here on, by path. */
  answer(how: (path: string) => Manner): void;
  answerWell(): void;
}

/** The system under test: built processes, each behind a proxy; Redis; the simulator with its ledger. */
export interface ChaosSystem {
  readonly redis: TestRedis;
  readonly sim: SimulatorControl;
  readonly receiver: WebhookReceiver;
  readonly apis: readonly ChaosProcess[];
  readonly workers: readonly ChaosProcess[];
  /** Folder of `songs/`, `spool/`, `ledger.jsonl`, `history.jsonl` and the processes' `logs/`. */
  readonly data: string;
  readonly settings: Readonly<Record<string, string>>;
  /** Ends the simulator (SIGKILL) and starts it on the same port and ledger. */
  restartSimulator(): Promise<void>;
  killSimulator(): Promise<void>;
  /** One more worker, or one of another build; it belongs to `workers` from then on. */
  addWorker(options?: {
    readonly main?: string;
    readonly env?: Readonly<Record<string, string>>;
  }): Promise<ChaosProcess>;
  /** Stops it by SIGTERM if it runs, and takes it out of `workers` for good. */
  removeWorker(worker: ChaosProcess): Promise<void>;
  /** Ends everything; the data folder goes too unless it is to be kept. */
  stop(options?: { readonly keepData?: boolean }): Promise<void>;
}

/**
 * What a fault did. Only one whose effect was seen counts: a process that ended with a call open, a connection that
 * was cut, a write that was refused.
 */
export interface Effect {
  readonly effective: boolean;
  /** What was seen, as a sentence with numbers. */
  readonly seen: string;
  /** Generations that it hit, if it knows: its recovery lasts until these have settled. */
  readonly ids?: readonly string[];
}

/** One kind of fault. `inject` breaks something, waits until it has had its effect, and mends it. */
export interface Fault {
  /** Row of the matrix: `W1`, `R7`, `U1`; `X1`… for those that the matrix does not have. */
  readonly row: string;
  readonly title: string;
  /** Programs it needs besides Node and Redis; without them it is skipped by name. */
  readonly needs?: readonly string[];
  /** Chance relative to the others in a mixed run. */
  readonly weight: number;
  /**
   * `process`: it touches only the processes in the system that it is given, so two may run at once, each with
   * processes of its own (at least one API and one worker). Anything wider (Redis, the simulator, storage) runs alone.
   */
  readonly scope?: 'process';
  inject(system: ChaosSystem, random: Random): Promise<Effect>;
}

/** Where a row's run says what it does, line by line. */
export type Log = (line: string) => void;

/** What one row of the matrix, run alone, came to. */
export interface RowResult {
  readonly row: string;
  readonly title: string;
  readonly passed: boolean;
  /** What was seen and what was asserted, as sentences with numbers; a failed one begins with `FAILED: `. */
  readonly seen: readonly string[];
  /** The checker's word; absent when the row was skipped or broke off. */
  readonly verdict?: Verdict;
  /** Why it was not run: a program or a right that is missing here. */
  readonly skipped?: string;
}

/** One row of the matrix: a small system, only this fault several times, quiescence, the checker, its own assertions. */
export interface Row {
  readonly row: string;
  readonly title: string;
  /** Programs that it needs besides Node and Redis. */
  readonly needs?: readonly string[];
  run(options: { readonly seed: number; readonly log: Log }): Promise<RowResult>;
}

/** What a client saw of one request: `unknown` when no answer came, or one that promises nothing. */
export interface Operation {
  readonly op: 'create' | 'cancel' | 'retry' | 'resolve' | 'read' | 'delete';
  /** ISO times of the sending and of the answer. */
  readonly sent_at: string;
  readonly ended_at: string;
  readonly outcome: 'ok' | 'failed' | 'unknown';
  readonly status: number | null;
  /** Of the job in the client's own numbering; its lyrics hold `job <number>`, so the ledger can be joined. */
  readonly job: number;
  readonly idempotency_key: string | null;
  /** Generation id, when an answer told it. */
  readonly id: string | null;
  readonly replayed: boolean;
  readonly detail?: string;
}

/**
 * A line of `faults.jsonl` in the data folder, one for each fault that was injected, effective or not. What it explains
 * (a second call, a half-written file of a killed process) is only excused near it.
 */
export interface FaultLine {
  readonly row: string;
  /** ISO times of the first harm and of the end of the mending. */
  readonly began_at: string;
  readonly ended_at: string;
  readonly effective: boolean;
}

/** A line of `samples.jsonl` in the data folder: what one process uses now. */
export interface Sample {
  readonly at: string;
  readonly name: string;
  /** Resident memory in bytes. */
  readonly rss: number;
  readonly fds: number;
  /** Longest delay of the event loop since the last sample; null when it is not known. */
  readonly loop_ms: number | null;
}

/** What a finished run leaves for the checker: folders and a Redis that holds still. Nothing of it asks the API. */
export interface RunLeft {
  /** As `ChaosSystem.data`. */
  readonly data: string;
  /** URL of the Redis that holds the records, and its prefix. */
  readonly redisUrl: string;
  readonly prefix: string;
  /** Where the songs are, when not in the folder `songs/`. */
  readonly storage?: Storage;
  readonly limits: {
    readonly maxUnknownCharges: number;
    readonly maxAttempts: number;
    /** Accepted generations that the run may lose, with the reason (R2, R3); 0 otherwise. */
    readonly mayLose: number;
    readonly mayLoseBecause?: string;
  };
}

export interface Violation {
  /** `I1` … `I10`. */
  readonly invariant: string;
  readonly job: number | null;
  readonly id: string | null;
  readonly message: string;
}

/** The checker's word on one run. */
export interface Verdict {
  readonly violations: readonly Violation[];
  readonly figures: {
    readonly accepted: number;
    readonly by_status: Readonly<Record<string, number>>;
    readonly lost: number;
    readonly double_published: number;
    readonly ledger_calls: number;
    readonly ledger_charges: number;
    readonly calls_without_record: number;
    readonly attempts_charge_unknown: number;
    readonly spares: number;
    readonly calls_per_generation: number;
    /** Events that somebody asked to be told of, one for each URL, and how often they were sent in all. */
    readonly webhooks_asked_for: number;
    readonly webhooks_received: number;
  };
}
