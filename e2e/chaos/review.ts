import type { GenerationRecord } from '@songmill/shared/runtime/records/types';
import type { Billed } from './billed.ts';
import { askUntilKnown } from './client.ts';
import type { OwnChaosSystem } from './cluster.ts';
import type { JobPlan } from './job-plan.ts';
import { randomOf } from './random.ts';
import type { RedisView } from './redis-view.ts';

interface ReviewContext {
  readonly system: OwnChaosSystem;
  readonly view: RedisView;
  readonly seed: number;
  readonly plans: ReadonlyMap<string, JobPlan>;
  readonly billed: (lyrics: string) => Promise<Billed>;
  readonly over: () => boolean;
}

/** A call whose simulator was killed stays open in the ledger for ever; after this long it is one of those. */
const CALL_IS_OVER_MS = 12_000;

/**
 * The operator: retries what failed or was canceled, once, and resolves what needs review by the upstream's own books.
 * Each call of the result is one round; it answers whether there was anything to do.
 */
export function reviewed(context: ReviewContext): () => Promise<boolean> {
  const { system, view, seed, plans, billed, over } = context;
  const retried = new Set<string>();
  const resolved = new Map<string, number>();

  async function retry(id: string, plan: JobPlan): Promise<void> {
    retried.add(id);
    await askUntilKnown(
      system,
      {
        op: 'retry',
        job: plan.number,
        method: 'POST',
        path: `/v1/generations/${id}/retry`,
        id,
        key: `${plan.idempotencyKey}-retry`,
      },
      randomOf(seed, 'retry', plan.number),
      over,
    );
  }

  /** False while the books are not closed on it. */
  async function resolve(id: string, plan: JobPlan): Promise<boolean> {
    const record = await view.record(id);
    if (record === null || record.status !== 'needs_review') return true;
    const truth = chargedIn(record, await billed(record.request.lyrics));
    if (truth === null) return false;
    const times = resolved.get(id) ?? 0;
    resolved.set(id, times + 1);
    const action = plan.resolve[times] ?? 'fail';
    await askUntilKnown(
      system,
      {
        op: 'resolve',
        job: plan.number,
        method: 'POST',
        path: `/v1/generations/${id}/resolve`,
        id,
        key: `${plan.idempotencyKey}-resolve-${times}`,
        body: { charged: truth.charged, action },
        detail: `charged ${truth.charged}, ${action}${truth.mixed ? '; some were and some were not' : ''}`,
      },
      randomOf(seed, 'resolve', plan.number, times),
      over,
    );
    return true;
  }

  return async () => {
    let acted = false;
    const ended = (await Promise.all([view.idsIn('failed'), view.idsIn('canceled')])).flat();
    for (const id of ended) {
      const plan = plans.get(id);
      if (plan === undefined || !plan.retry || retried.has(id)) continue;
      await retry(id, plan);
      acted = true;
    }
    for (const id of await view.idsIn('needs_review')) {
      const plan = plans.get(id);
      if (plan === undefined) continue;
      await resolve(id, plan);
      acted = true;
    }
    return acted;
  };
}

/**
 * What a person would find out of the attempts that nobody knows about: all were billed, or none. One answer holds for
 * all of them; when some were and some were not, it is the one that hides no money. Null while a call may still be billed.
 */
function chargedIn(record: GenerationRecord, bill: Billed): { charged: boolean; mixed: boolean } | null {
  const lastEnd = Math.max(...record.attempts.map((each) => Date.parse(each.finished_at ?? each.started_at)));
  if (bill.open > 0 && Date.now() - lastEnd < CALL_IS_OVER_MS) return null;
  const known = record.attempts.filter(({ charge }) => charge === 'charged').length;
  const unknown = record.attempts.filter(({ charge }) => charge === 'unknown').length;
  const unexplained = bill.charges - known;
  return { charged: unexplained > 0, mixed: unexplained > 0 && unexplained < unknown };
}
