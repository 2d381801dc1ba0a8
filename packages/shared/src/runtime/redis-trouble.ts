/** What went wrong with Redis, in words for whoever asked it to do something. */
export interface RedisTrouble {
  readonly says: string;
  /** What was asked may have been done, or may yet be. */
  readonly mayBeDone: boolean;
}

/** Answers of Redis that mean "not now" rather than "you made a mistake". It did nothing of what was asked. */
const REFUSALS: Readonly<Record<string, string>> = {
  OOM: 'Redis is full (maxmemory) and takes nothing new',
  MISCONF: 'Redis cannot write to its disk and takes nothing new',
  READONLY: 'Redis is read-only: it is a replica',
  NOREPLICAS: 'Redis has fewer replicas than min-replicas-to-write asks for',
  LOADING: 'Redis is loading its data',
  BUSY: 'Redis is busy with a script',
  MASTERDOWN: 'Redis is a replica that lost its primary',
  CLUSTERDOWN: 'the Redis cluster is down',
  TRYAGAIN: 'the Redis cluster is moving keys',
  NOAUTH: 'Redis asks for a password',
  WRONGPASS: 'Redis does not take the password',
  NOPERM: 'Redis does not permit it to this user',
};
const REFUSAL = new RegExp(`(?:^|-)(${Object.keys(REFUSALS).join('|')})\\b`);

/** The command never left this process. */
const NOT_SENT = /Stream isn't writeable|ECONNREFUSED|ENOENT|EHOSTUNREACH|ENOTFOUND|EAI_AGAIN/i;
const CUT = /Connection is closed|Command timed out|Socket timeout|max retries per request|ECONNRESET|EPIPE|ETIMEDOUT/i;

/** Null for a mistake of ours: anything that is not about Redis being away or taking nothing now. */
export function redisTrouble(error: unknown): RedisTrouble | null {
  if (!(error instanceof Error)) return null;
  if (error.name === 'ReplyError') {
    const word = REFUSAL.exec(error.message)?.[1];
    return word === undefined ? null : { says: REFUSALS[word]!, mayBeDone: false };
  }
  if (NOT_SENT.test(error.message)) return { says: 'Redis cannot be reached', mayBeDone: false };
  const cut = error.name === 'MaxRetriesPerRequestError' || error.name === 'AbortError' || CUT.test(error.message);
  return cut ? { says: 'Redis did not answer in time', mayBeDone: true } : null;
}
