import type { WorkerList } from '@songmill/shared/contract/worker';
import { readWorkers } from '@songmill/shared/runtime/records/workers';
import type { ApiContext, Call } from '../context.ts';
import { emptyBodySchema } from '../request/action-bodies.ts';
import { sendJson } from '../request/answer.ts';
import { readAction } from '../request/read-action.ts';

/** `GET /v1/workers`: who takes work, how much of it, and when each was heard of last. */
export async function listWorkers(ctx: ApiContext, call: Call): Promise<void> {
  await readAction(call, emptyBodySchema);
  const answer: WorkerList = { data: await readWorkers(ctx.store, ctx.settings.WORKER_LEASE_MS) };
  sendJson(call, 200, answer);
}
