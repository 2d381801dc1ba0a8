import { ProblemError } from '../errors.ts';

/**
 * Answers of Redis that mean "not now" rather than "you made a mistake": starting, read-only after a
 * failover, out of memory, cannot write its log.
 */
const NOT_NOW =
  /^(LOADING|READONLY|OOM|MISCONF|BUSY|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|NOREPLICAS|NOAUTH|WRONGPASS|NOPERM)\b/;

const UNREACHABLE =
  /Connection is closed|Command timed out|Stream isn't writeable|max retries per request|ECONNREFUSED|ECONNRESET|EPIPE|ENOENT|ETIMEDOUT|EHOSTUNREACH|ENOTFOUND|EAI_AGAIN/i;

/** True when Redis is away or does not take the command now; false for a mistake of ours. */
export function isRedisTrouble(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (error.name === 'MaxRetriesPerRequestError' || error.name === 'AbortError') return true;
  if (error.name === 'ReplyError')
    return NOT_NOW.test(error.message) || /-?(OOM|READONLY|MISCONF) /.test(error.message);
  return UNREACHABLE.test(error.message);
}

export function queueUnavailable(cause: unknown): ProblemError {
  return new ProblemError('queue_unavailable', 'the queue cannot be reached now; send the request again', {
    headers: { 'Retry-After': '2' },
    cause,
  });
}
