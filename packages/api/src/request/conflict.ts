import type { Status } from '@songmill/shared/contract/words';
import { ProblemError } from '../errors.ts';

/** @param participle what cannot be done: canceled, retried, resolved, deleted */
export function conflict(participle: string, status: Status): ProblemError {
  return new ProblemError('conflict', `the generation is ${status} and cannot be ${participle}`);
}
