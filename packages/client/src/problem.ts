import type { Problem } from '@songmill/shared/contract/problem';
import {
  ApiError,
  AuthenticationError,
  ConflictError,
  NotFoundError,
  PermissionError,
  RateLimitError,
  UnavailableError,
  ValidationError,
} from './errors.ts';
import { retryAfterMs } from './retry-timing.ts';

const CLASS_OF_STATUS: Readonly<Record<number, typeof ApiError>> = {
  400: ValidationError,
  401: AuthenticationError,
  403: PermissionError,
  404: NotFoundError,
  409: ConflictError,
  422: ValidationError,
  429: RateLimitError,
  502: UnavailableError,
  503: UnavailableError,
  504: UnavailableError,
};

/**
 * Makes the error for an answer with an error status, reading its body. A body that is no
 * problem+json, or breaks off, costs only the detail: the status is known.
 */
export async function apiErrorOf(response: Response, idempotencyKey: string | null): Promise<ApiError> {
  const problem = await problemOf(response);
  const Class = CLASS_OF_STATUS[response.status] ?? ApiError;
  return new Class(messageOf(response, problem), {
    status: response.status,
    headers: response.headers,
    problem,
    retryAfterMs: retryAfterMs(response.headers),
    idempotencyKey,
  });
}

async function problemOf(response: Response): Promise<Partial<Problem> | null> {
  const text = await response.text().catch(() => '');
  if (!/^application\/(problem\+)?json\b/i.test(response.headers.get('content-type') ?? '')) return null;
  try {
    const parsed: unknown = JSON.parse(text);
    return isObject(parsed) ? cleaned(parsed) : null;
  } catch {
    return null;
  }
}

/** A stranger's JSON error may use our field names for other things; what has another type is left out. */
function cleaned(parsed: Record<string, unknown>): Partial<Problem> {
  const { errors, ...rest } = parsed;
  const texts = ['type', 'title', 'detail', 'instance', 'code', 'request_id', 'required_scope'];
  for (const name of texts) if (typeof rest[name] !== 'string') delete rest[name];
  return Array.isArray(errors) ? { ...rest, errors: errors.filter(isObject) as Problem['errors'] & {} } : rest;
}

function messageOf(response: Response, problem: Partial<Problem> | null): string {
  const location = response.headers.get('location');
  if (response.type === 'opaqueredirect' || (response.status >= 300 && response.status < 400)) {
    return `the server redirects${location ? ` to ${location}` : ''}; set url to the final address`;
  }
  const head = `${response.status} ${problem?.code ?? response.statusText}`.trim();
  const faults = (problem?.errors ?? []).map((fault) => {
    const place = fault.pointer ?? fault.parameter ?? fault.header ?? fault.field;
    return `${place ? `${place} ` : ''}${fault.message}`;
  });
  return [head, problem?.detail, ...faults].filter(Boolean).join(': ').trim();
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
