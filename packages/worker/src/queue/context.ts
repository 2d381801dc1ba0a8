import type { Queue } from 'bullmq';
import type { Foundations } from '@songmill/shared/runtime/foundations/foundations';
import type { Logger } from '@songmill/shared/runtime/logger';
import type { Pointer } from '@songmill/shared/runtime/queues';
import type { RecordStore } from '@songmill/shared/runtime/records/store';
import type { Settings } from '@songmill/shared/runtime/settings';
import type { Storage } from '@songmill/shared/runtime/storage/storage';
import type { Upstream } from '../upstream/client.ts';
import type { Journal } from '../storage/journal.ts';
import type { ReachCrashPoint } from './crash-points.ts';

/** What the steps of running a generation share. Made once by `startWorker`; each step takes what it needs. */
export interface WorkerContext {
  readonly workerId: string;
  readonly settings: Settings;
  readonly logger: Logger;
  readonly records: RecordStore;
  readonly queue: Queue<Pointer>;
  readonly storage: Storage;
  readonly upstream: Upstream;
  readonly journal: Journal;
  readonly foundations: Foundations;
  /** Aborted when the process may wait no longer: what is still open is left to others. */
  readonly giveUp: AbortSignal;
  /** Called after work left the window, so that the feeder fills it at once. */
  readonly wakeFeeder: () => void;
  readonly crashPoint: ReachCrashPoint;
}
