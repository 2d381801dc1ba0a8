import type { Batch, BatchCounts } from '@songmill/shared/contract/batch';
import { EXIT, type Exit } from '../exit.ts';
import { barOf, createProgress, spanOf } from '../progress.ts';
import { type Task, within } from '../task.ts';

/** Follows a batch until it is settled, shows how far it is, and says how it ended. */
export async function watchBatch(task: Task, id: string, seconds: number | undefined): Promise<Exit> {
  const { client, out } = task;
  const progress = createProgress(task.io);
  const rate = createRate();
  let batch: Batch;
  try {
    // A stream outlives absences of the server, so one that was never there must be noticed here.
    await client.batches.retrieve(id, { signal: task.signal });
    batch = await within(task, seconds, (signal) =>
      client.batches.wait(id, { signal, onUpdate: (now) => progress.show(progressOf(now, rate(now.counts))) }),
    );
  } catch (error) {
    progress.done();
    if (task.signal.aborted) out.note(`${id} goes on without you; come back with: songmill batch watch ${id}`);
    throw error;
  }
  progress.done();
  await out.record(batch, summaryOf(batch));
  return exitOfBatch(batch);
}

export function exitOfBatch({ status }: Batch): Exit {
  return status === 'completed' ? EXIT.ok : EXIT.songsFailed;
}

/** Songs that ended per second since watching began; null as long as nobody can know. */
function createRate(now: () => number = performance.now.bind(performance)) {
  let first: { readonly ms: number; readonly settled: number } | null = null;
  return (counts: BatchCounts): number | null => {
    const settled = settledOf(counts);
    first ??= { ms: now(), settled };
    const seconds = (now() - first.ms) / 1000;
    return seconds < 2 || settled === first.settled ? null : (settled - first.settled) / seconds;
  };
}

function settledOf(counts: BatchCounts): number {
  return counts.total - counts.queued - counts.processing;
}

function progressOf({ counts, eta_seconds: eta, cost, status }: Batch, rate: number | null): string {
  const settled = settledOf(counts);
  const parts = [
    `${barOf(settled, counts.total)} ${counts.succeeded}/${counts.total} made`,
    troubleOf(counts),
    counts.processing > 0 && `${counts.processing} running`,
    status === 'ingesting' && 'being put into line',
    rate !== null && (rate >= 1 ? `${rate.toFixed(1)}/s` : `${(rate * 60).toFixed(1)}/min`),
    eta !== null && settled < counts.total && `${spanOf(eta)} left`,
    cost.currency !== null && `${cost.charged ?? '0'} ${cost.currency}`,
  ];
  return parts.filter(Boolean).join(', ');
}

function troubleOf({ failed, canceled, needs_review: review, skipped }: BatchCounts): string {
  const parts = [
    failed > 0 && `${failed} failed`,
    canceled > 0 && `${canceled} canceled`,
    review > 0 && `${review} to be reviewed`,
    skipped > 0 && `${skipped} lines skipped`,
  ];
  return parts.filter(Boolean).join(', ');
}

/** A batch for people, with what to do next. */
export function summaryOf(batch: Batch): string {
  const { id, status, counts, cost, name, error } = batch;
  const { failed, canceled, needs_review: review } = counts;
  const settled = status !== 'ingesting' && status !== 'processing';
  const next = [
    counts.succeeded > 0 && `  songmill batch results ${id} --out songs`,
    (failed > 0 || counts.skipped > 0) && `  songmill batch errors ${id}`,
    settled && (failed > 0 || canceled > 0) && `  songmill batch retry ${id} --watch`,
    review > 0 && `  songmill batch resolve ${id} --charged yes|no --action retry|fail`,
    !settled && `  songmill batch watch ${id}`,
  ];
  const lines = [
    `${id} ${status}${name === null ? '' : ` (${name})`}`,
    `  ${[`${counts.succeeded} of ${counts.total} songs made`, troubleOf(counts)].filter(Boolean).join(', ')}`,
    !settled &&
      `  ${counts.processing} running, ${counts.queued} waiting${batch.eta_seconds === null ? '' : `, about ${spanOf(batch.eta_seconds)} left`}`,
    cost.currency !== null && `  charged ${cost.charged ?? '0'} ${cost.currency}, unknown ${cost.unknown ?? '0'}`,
    error && `  ${error.code}: ${error.message}`,
    ...next,
  ];
  return lines.filter(Boolean).join('\n');
}
