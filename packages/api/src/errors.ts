import type { InputFault } from '@songmill/shared/contract/problem';
import type { ProblemCode, Scope } from '@songmill/shared/contract/words';

/**
 * Codes of what goes wrong on the wire before there is a request to judge. They are not in the
 * contract's list: "treat an unknown code by its HTTP class".
 */
export const WIRE_STATUS = {
  bad_request: 400,
  request_timeout: 408,
  uri_too_long: 414,
  headers_too_large: 431,
} as const;
export type WireCode = keyof typeof WIRE_STATUS;

interface Extras {
  readonly errors?: readonly InputFault[];
  /** How many faults there are, when not all of them are told. */
  readonly error_count?: number;
  readonly truncated?: boolean;
  readonly required_scope?: Scope;
  readonly headers?: Readonly<Record<string, string>>;
  readonly cause?: unknown;
}

/** The one error family of this package: whatever a handler throws on purpose is answered as it says. */
export class ProblemError extends Error {
  override readonly name: string = 'ProblemError';
  readonly code: ProblemCode | WireCode;
  readonly extras: Extras;

  constructor(code: ProblemCode | WireCode, detail: string, extras: Extras = {}) {
    super(detail, extras.cause === undefined ? undefined : { cause: extras.cause });
    this.code = code;
    this.extras = extras;
  }
}

/** 422 with every fault found. */
export class ValidationError extends ProblemError {
  override readonly name = 'ValidationError';

  constructor(faults: readonly InputFault[], more: Pick<Extras, 'error_count' | 'truncated'> = {}) {
    const count = more.error_count ?? faults.length;
    const detail = count === 1 ? '1 fault in the request' : `${count} faults in the request`;
    super('validation_failed', detail, { errors: faults, ...more });
  }
}

/** The caller went away: there is nobody to answer. */
export class ClientGone extends Error {
  override readonly name = 'ClientGone';
}
