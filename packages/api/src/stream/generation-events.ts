import { isSettled } from '@songmill/shared/contract/words';
import { type EventSubject, readSubjects } from '@songmill/shared/runtime/records/event-subjects';
import type { PastEvent } from '@songmill/shared/runtime/records/past';
import type { ApiContext, Call, Faults } from '../context.ts';
import { ClientGone, ValidationError } from '../errors.ts';
import { sendEmpty } from '../request/answer.ts';
import { noQuery } from '../request/query.ts';
import { presentation } from '../request/show-generation.ts';
import { noSuchGeneration, withReadable } from '../request/with-generation.ts';
import { frameOf, lastEventId, openSse, resetFrame, type SseStream } from './sse.ts';
import { endWhenRefused } from './still-allowed.ts';

/**
 * `GET /v1/generations/{id}/events`: every change of state until it is settled, from the record's own
 * history. `Last-Event-ID` is the `sequence` of the last event seen; without it the present state
 * comes first.
 */
export const streamGeneration = withReadable(async (ctx, call, { id }) => {
  const faults: Faults = [];
  noQuery(call, faults);
  if (faults.length > 0) throw new ValidationError(faults);
  const told = createTeller(ctx, call);
  // Following begins before the first read, so that nothing can happen unnoticed in between.
  const unfollow = ctx.hub.follow(id, told);
  try {
    const subject = (await readSubjects(ctx.store, [id], presentation(ctx))).get(id);
    if (subject === undefined) throw noSuchGeneration();
    if (call.res.destroyed) throw new ClientGone('the caller left');
    await told.begin(subject, lastEventId(call));
  } finally {
    unfollow();
  }
});

/** What one caller has been told, and what it is told next. */
function createTeller(ctx: ApiContext, call: Call) {
  let stream: SseStream | null = null;
  /** The last event told. */
  let sequence = 0;
  let atMs = 0;
  let early: EventSubject | null | undefined;
  let stopped = false;

  function tell(subject: EventSubject | null): void {
    if (stream === null) early = subject;
    else if (subject === null) stream.end();
    else {
      const newest = subject.history.at(-1)!;
      // Read before what was told last; when it is later all the same, Redis had forgotten that.
      if (newest.sequence <= sequence && newest.atMs <= atMs) return;
      tellAfter(stream, subject, newest.sequence > sequence && reaches(subject.history, sequence));
    }
  }

  /** Everything after `sequence`, or, when that does not carry on, the present state. */
  function tellAfter(to: SseStream, { history, body }: EventSubject, carriesOn: boolean): void {
    const newest = history.at(-1)!;
    if (!carriesOn) {
      to.send(resetFrame(null));
      sequence = newest.sequence - 1;
    }
    for (const event of history) if (event.sequence > sequence) to.send(frameOf(event.sequence, body(event)));
    ({ sequence, atMs } = newest);
    if (isSettled(newest.status)) to.end();
  }

  return {
    tell,
    stop(): void {
      stopped = true;
      stream?.end();
    },
    /** Tells the rest of the story. Resolves when the stream has ended. */
    async begin(subject: EventSubject, lastId: string | null): Promise<void> {
      const newest = subject.history.at(-1)!;
      sequence = lastId === null ? newest.sequence - 1 : sequenceOf(lastId);
      if (sequence === newest.sequence && isSettled(newest.status)) {
        sendEmpty(call, 204);
        return;
      }
      stream = openSse(call);
      endWhenRefused(ctx, call, stream);
      tellAfter(stream, subject, reaches(subject.history, sequence));
      if (early !== undefined) tell(early);
      if (stopped) stream.end();
      await stream.closed;
    },
  };
}

/** Whether everything after `sequence` is there. A larger one is of a time that Redis has forgotten. */
function reaches(history: readonly PastEvent[], sequence: number): boolean {
  return sequence >= history[0]!.sequence - 1 && sequence <= history.at(-1)!.sequence;
}

/** Text that is no id of ours lies before every history. */
function sequenceOf(text: string): number {
  return /^\d{1,15}$/.test(text) ? Number(text) : -2;
}
