import type { GenerationRecord, StoredRequest } from '@songmill/shared/runtime/records/types';

interface Accepted {
  readonly id: string;
  readonly project: string;
  readonly request: StoredRequest;
  readonly status: 'queued' | 'scheduled';
  /** Microseconds. */
  readonly ordinal: number;
}

/**
 * The record that `accept` has just written, put together here instead of read back: reading it
 * would cost every POST a second round trip. A test compares it with what Redis holds.
 */
export function newRecord({ id, project, request, status, ordinal }: Accepted): GenerationRecord {
  const createdMs = Math.floor(ordinal / 1000);
  return {
    ...{ id, project, request, ordinal, createdMs, priority: request.priority },
    ...{ status, sequence: 1, run: 1, history: [] },
    ...{ startedMs: null, finishedMs: null, notBeforeMs: null, waitReason: null },
    ...{ batchId: null, batchIndex: null, keptFromMs: null, song: null, spare: null, error: null },
    ...{ attempts: [], attemptsTotal: 0, counted: 0, unknownCharges: 0 },
  };
}
