import type { Row } from '../types.ts';
import { REQUEST_ROWS } from './requests.ts';
import { REDIS_LOSS_ROWS } from './redis-losses.ts';
import { REDIS_ROWS } from './redis.ts';
import { WORKER_ROWS } from './workers.ts';

/** Every row of the matrix that the suite proves; some take several runs, each with a title of its own. */
export const ROWS: readonly Row[] = [...WORKER_ROWS, ...REQUEST_ROWS, ...REDIS_ROWS, ...REDIS_LOSS_ROWS];
