/**
 * Where a run can be broken off from outside, in the order of a run: the claim was answered; the journal holds the
 * intent; the spool holds the whole answer and says so; storage holds the song, not yet its commit; the commit; the
 * record is published; the queue job is finished. And of a delivery: the receiver answered, and nothing says so yet. And of a batch: some items are recorded, and BullMQ does not know of them. The fault suite ends the process here; what throws here is
 * treated like any fault of that step.
 */
export type CrashPoint =
  | 'claimed'
  | 'intent-written'
  | 'answered'
  | 'stored'
  | 'committed'
  | 'published'
  | 'settled'
  | 'delivered'
  | 'ingested';

export type ReachCrashPoint = (point: CrashPoint, id: string) => void | Promise<void>;
