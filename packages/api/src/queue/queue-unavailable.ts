import type { RedisTrouble } from '@songmill/shared/runtime/redis-trouble';
import { ProblemError } from '../errors.ts';

/** 503 for a request that Redis did not serve. A request that may have been done all the same is told so. */
export function queueUnavailable(trouble: RedisTrouble, method: string | undefined, cause: unknown): ProblemError {
  const open = trouble.mayBeDone && method !== 'GET' && method !== 'HEAD';
  const then = open
    ? 'what you asked for may have been done all the same. Send it again with the same Idempotency-Key; without one, look before you repeat it'
    : 'send the request again';
  return new ProblemError('queue_unavailable', `${trouble.says}; ${then}`, { headers: { 'Retry-After': '2' }, cause });
}
