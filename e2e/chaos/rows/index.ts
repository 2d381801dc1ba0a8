import type { Row } from '../types.ts';
import { LOCK_ROWS } from './lock-loss.ts';
import { MACHINE_ROWS } from './machine.ts';
import { REDIS_LOSS_ROWS } from './redis-losses.ts';
import { REDIS_ROWS } from './redis.ts';
import { REQUEST_ROWS } from './requests.ts';
import { UPSTREAM_ROWS } from './upstream.ts';
import { WEBHOOK_ROWS } from './webhooks.ts';
import { WORKER_ROWS } from './workers.ts';

/** Every row of the matrix that the suite proves; some take several runs, each with a title of its own. */
export const ROWS: readonly Row[] = [
  ...WORKER_ROWS,
  ...REQUEST_ROWS,
  ...REDIS_ROWS,
  ...REDIS_LOSS_ROWS,
  ...UPSTREAM_ROWS,
  ...MACHINE_ROWS,
  ...LOCK_ROWS,
  ...WEBHOOK_ROWS,
];
