import { setTimeout as delay } from 'node:timers/promises';
import { isBatchSettled } from '@songmill/shared/contract/batch';
import type { Event } from '@songmill/shared/contract/event';
import type { BatchRecord } from '@songmill/shared/runtime/records/batch-record';
import { readBatchRecord } from '@songmill/shared/runtime/records/batches';
import { rfc3339 } from '@songmill/shared/runtime/records/present';
import type { ApiContext, Call, Faults } from '../context.ts';
import { ValidationError } from '../errors.ts';
import { sendEmpty } from '../request/answer.ts';
import { noQuery } from '../request/query.ts';
import { frameOf, lastEventId, openSse, resetFrame } from '../stream/sse.ts';
import { endWhenRefused } from '../stream/still-allowed.ts';
import { showBatch } from './get-batches.ts';
import { withReadableBatch } from './with-batch.ts';

/** Progress is told at most this often. */
const EVERY_MS = 1000;

/**
 * `GET /v1/batches/{id}/events`: `batch.progress` with the whole batch, at most once a second while it
 * changes, and how it ended. `Last-Event-ID` is its `sequence`: each event says all there is to know, so
 * whoever comes back needs the newest one only.
 */
export const streamBatch = withReadableBatch(async (ctx, call, batch) => {
  const faults: Faults = [];
  noQuery(call, faults);
  if (faults.length > 0) throw new ValidationError(faults);
  const last = lastEventId(call);
  if (isBatchSettled(batch.status) && last === String(batch.sequence)) {
    sendEmpty(call, 204);
    return;
  }
  await follow(ctx, call, batch, last);
});

async function follow(ctx: ApiContext, call: Call, first: BatchRecord, last: string | null): Promise<void> {
  const gone = new AbortController();
  const stream = openSse(call);
  endWhenRefused(ctx, call, stream);
  void stream.closed.then(() => gone.abort());
  // The process stops: the stream ends, and its reader comes back to another one.
  const leave = ctx.hub.listen(first.id, (signal) => {
    if (signal === 'stop') stream.end();
  });
  try {
    let told = last === null ? null : Number(last);
    // A sequence that this batch has not reached is of a time that Redis has forgotten.
    if (told !== null && !(told <= first.sequence)) {
      stream.send(resetFrame(null));
      told = null;
    }
    for (let batch: BatchRecord | null = first; batch !== null && !gone.signal.aborted; ) {
      if (batch.sequence !== told) stream.send(frameOf(batch.sequence, await eventOf(ctx, batch)));
      told = batch.sequence;
      if (isBatchSettled(batch.status)) break;
      await delay(EVERY_MS, undefined, { signal: gone.signal }).catch(() => undefined);
      // Who reads slowly is told less often, and then what is so by then.
      if (!gone.signal.aborted) await stream.drained();
      batch = await readBatchRecord(ctx.store, first.id);
    }
  } finally {
    leave();
    stream.end();
  }
  await stream.closed;
}

async function eventOf(ctx: ApiContext, batch: BatchRecord): Promise<Event> {
  const type =
    batch.status === 'canceled'
      ? 'batch.canceled'
      : isBatchSettled(batch.status)
        ? 'batch.completed'
        : 'batch.progress';
  const timestamp = rfc3339(batch.finishedMs ?? Date.now());
  return { type, timestamp, data: { ...(await showBatch(ctx, batch)) } };
}
