import { pauseRequestSchema, type QueueList } from '@songmill/shared/contract/queue';
import { QUEUES, type QueueName } from '@songmill/shared/contract/words';
import { pauseQueue as pause, resumeQueue as resume } from '@songmill/shared/runtime/records/pause';
import { readQueues } from '@songmill/shared/runtime/records/queue-state';
import type { ApiContext, Call } from '../context.ts';
import { ProblemError } from '../errors.ts';
import { emptyBodySchema } from '../request/action-bodies.ts';
import { sendJson } from '../request/answer.ts';
import { readAction } from '../request/read-action.ts';

/** `GET /v1/queues`: each queue with what waits in it and what stops it. */
export async function listQueues(ctx: ApiContext, call: Call): Promise<void> {
  await readAction(call, emptyBodySchema);
  const answer: QueueList = { data: await readQueues(ctx.store) };
  sendJson(call, 200, answer);
}

/** `POST /v1/queues/{name}/pause`: nothing new starts; what runs goes on. */
export async function pauseQueue(ctx: ApiContext, call: Call): Promise<void> {
  const name = nameOf(call);
  const { body } = await readAction(call, pauseRequestSchema);
  const prefix = ctx.settings.REDIS_PREFIX;
  await pause(ctx.store, { name, prefix, reason: body.reason, by: call.principal.keyId });
  await sendQueue(ctx, call, name);
}

/** `POST /v1/queues/{name}/resume`: lifts the pause, and asks now whether holds are over. */
export async function resumeQueue(ctx: ApiContext, call: Call): Promise<void> {
  const name = nameOf(call);
  await readAction(call, emptyBodySchema);
  await resume(ctx.store, { name, prefix: ctx.settings.REDIS_PREFIX });
  await sendQueue(ctx, call, name);
}

async function sendQueue(ctx: ApiContext, call: Call, name: QueueName): Promise<void> {
  sendJson(
    call,
    200,
    (await readQueues(ctx.store)).find((queue) => queue.name === name),
  );
}

function nameOf(call: Call): QueueName {
  const name = QUEUES.find((each) => each === call.params['name']);
  if (name === undefined) throw new ProblemError('not_found', `the queues are ${QUEUES.join(', ')}`);
  return name;
}
