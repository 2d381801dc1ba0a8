/**
 * Everything a stranger may learn about a failed connection. Anything finer (open, closed, filtered,
 * which address) would make whoever chooses the URL a port scanner.
 */
export type GuardFailure = 'blocked' | 'dns' | 'connect' | 'tls' | 'timeout';

const MESSAGES: Readonly<Record<GuardFailure, string>> = {
  blocked: 'the address is not allowed',
  dns: 'the host could not be looked up',
  connect: 'the connection failed',
  tls: 'no secure connection could be made',
  timeout: 'it took too long',
};

/** The only error that a guarded connection is refused with. Its message never names an address. */
export class GuardError extends Error {
  override readonly name = 'GuardError';
  readonly code: GuardFailure;

  constructor(code: GuardFailure) {
    super(MESSAGES[code]);
    this.code = code;
  }
}

const TIMEOUTS: ReadonlySet<unknown> = new Set([
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
  'ETIMEDOUT',
]);

/**
 * The class of whatever a request through a guarded dispatcher was rejected with: our own refusal, a
 * timeout of undici or of `AbortSignal.timeout`, or a connection that broke.
 * @public
 */
export function guardFailure(error: unknown): GuardFailure {
  if (error instanceof GuardError) return error.code;
  const { code, name } = (error ?? {}) as { code?: unknown; name?: unknown };
  return TIMEOUTS.has(code) || name === 'TimeoutError' ? 'timeout' : 'connect';
}
