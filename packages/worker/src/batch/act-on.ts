import type { ResolveParams } from '@songmill/shared/contract/bulk-action';
import { addPointers, type Pointer } from '@songmill/shared/runtime/queues';
import type { StoredBulkAction } from '@songmill/shared/runtime/records/bulk-actions';
import { isStillMeant, type TargetPage } from '@songmill/shared/runtime/records/bulk-targets';
import { cancelGeneration } from '@songmill/shared/runtime/records/cancel';
import { redeliver } from '@songmill/shared/runtime/records/deliver-again';
import { eraseGeneration } from '@songmill/shared/runtime/records/erase';
import { type ReopenInput, reopenGeneration } from '@songmill/shared/runtime/records/reopen';
import type { GenerationRecord } from '@songmill/shared/runtime/records/types';
import type { BulkContext } from './bulk-actions.ts';

export interface PageResult {
  readonly done: number;
  /** What had moved on meanwhile. */
  readonly failed: number;
}

/** Scripts sent at once; Redis runs them without a pause, so they are few enough to stay far below 20 ms. */
const AT_ONCE = 20;

/** Does the action to each of a page. The same page again changes nothing more. */
export async function actOn(context: BulkContext, action: StoredBulkAction, page: TargetPage): Promise<PageResult> {
  let done = 0;
  const count = page.generations.length + page.deliveries.length;
  if (action.action === 'redeliver') {
    for (const ids of parts(page.deliveries)) {
      const again = await Promise.all(
        ids.map((id) => redeliver(context.records, { id, operation: operationOf(action, id) })),
      );
      done += again.filter((outcome) => outcome === 'again').length;
    }
    return { done, failed: count - done };
  }
  const act = action.action === 'cancel' ? cancelAll : action.action === 'delete' ? deleteAll : reopenAll;
  for (const records of parts(page.generations)) done += await act(context, action, records);
  return { done, failed: count - done };
}

async function cancelAll(context: BulkContext, action: StoredBulkAction, records: readonly GenerationRecord[]) {
  const answers = await Promise.all(
    records.map(async (record) => {
      const operation = operationOf(action, record.id);
      if (!isStillMeant(record, 'cancel', action.createdMs)) return false;
      return (await cancelGeneration(context.records, record.id, operation)).outcome === 'canceled';
    }),
  );
  // The few that BullMQ has are left to it: a worker that picks one up finds it canceled and gives the start back.
  return answers.filter(Boolean).length;
}

/** The texts go now; the sweep of storage takes the files. */
async function deleteAll(
  { records: store, settings }: BulkContext,
  _action: unknown,
  records: readonly GenerationRecord[],
) {
  const answers = await Promise.all(records.map(({ id }) => eraseGeneration(store, id, settings.RECORD_TTL_DAYS)));
  return answers.filter(({ outcome }) => outcome === 'erased').length;
}

async function reopenAll(context: BulkContext, action: StoredBulkAction, records: readonly GenerationRecord[]) {
  const resolves = action.action === 'resolve';
  const params = action.params as Partial<ResolveParams>;
  const how: Pick<ReopenInput, 'action' | 'charged'> = resolves
    ? { action: params.action === 'retry' ? 'resolve_retry' : 'resolve_fail', charged: params.charged ?? null }
    : { action: 'retry', charged: null };
  const pointers: Pointer[] = [];
  let done = 0;
  await Promise.all(
    records.map(async ({ id, ...record }) => {
      const meant = isStillMeant({ id, ...record }, resolves ? 'resolve' : 'retry', action.createdMs);
      if (!meant) return;
      const input = { id, ...how, idempotency: null, operation: operationOf(action, id) };
      const answer = await reopenGeneration(context.records, input);
      if (answer.outcome !== 'reopened') return;
      done += 1;
      if (answer.pointer !== null) pointers.push(answer.pointer);
    }),
  );
  await addPointers(context.queue, pointers);
  context.wakeFeeder();
  return done;
}

/** What makes it this step and no other: twice is once. */
function operationOf({ id }: StoredBulkAction, target: string): string {
  return `${id}.${target}`;
}

function parts<Each>(list: readonly Each[]): Each[][] {
  return Array.from({ length: Math.ceil(list.length / AT_ONCE) }, (_, n) => list.slice(n * AT_ONCE, (n + 1) * AT_ONCE));
}
