import type { Plan } from '../plan.ts';
import type { Result, RowName } from '../result.ts';
import { measureAccept } from './accept.ts';
import { measureCallsInFlight } from './calls-in-flight.ts';
import { measureDeadEndpoint } from './dead-endpoint.ts';
import { measureEstimates } from './eta.ts';
import { measureEventToClient } from './event-to-client.ts';
import { measureFinish } from './finish.ts';
import { measureFirstByte } from './first-byte.ts';
import { measureFirstWebhook } from './first-webhook.ts';
import { measureMemory } from './memory-answers.ts';
import { weighRecords } from './redis-bytes.ts';
import { measureWebhooks } from './webhooks.ts';

/** Measures one row of the speed table. */
export async function measureRow(name: RowName, plan: Plan): Promise<Result[]> {
  switch (name) {
    case 'accept':
      return [await measureAccept(plan, 'everysec'), await measureAccept(plan, 'always')];
    case 'finish':
      return measureFinish(plan);
    case 'redis-bytes':
      return weighRecords(plan);
    case 'memory-answers':
      return [await measureMemory(plan)];
    case 'calls-in-flight':
      return [await measureCallsInFlight(plan)];
    case 'first-byte':
      return [await measureFirstByte(plan)];
    case 'event-to-client':
      return [await measureEventToClient(plan)];
    case 'first-webhook':
      return [await measureFirstWebhook(plan)];
    case 'webhooks':
      return measureWebhooks(plan);
    case 'dead-endpoint':
      return [await measureDeadEndpoint(plan)];
    case 'eta':
      return [await measureEstimates(plan)];
  }
}
