import { isSettled } from '@songmill/shared/contract/words';
import type { Faults } from '../context.ts';
import { ValidationError } from '../errors.ts';
import { waitUntilSettled } from '../queue/settle-wait.ts';
import { sendEmpty, sendJson } from './answer.ts';
import { generationTag, noneMatch } from './etag.ts';
import { preferenceApplied, waitSeconds } from './prefer.ts';
import { noQuery } from './query.ts';
import { retryAfterSeconds, showGeneration } from './show-generation.ts';
import { noSuchGeneration, withReadable } from './with-generation.ts';

/** `GET /v1/generations/{id}`, held open while not settled when the caller prefers to wait. */
export const getGeneration = withReadable(async (ctx, call, found) => {
  const faults: Faults = [];
  noQuery(call, faults);
  if (faults.length > 0) throw new ValidationError(faults);
  const seconds = waitSeconds(call.req.headers.prefer);
  const mustWait = seconds !== null && !isSettled(found.status);
  const record = mustWait ? await waitUntilSettled(ctx, found.id, seconds, call.res) : found;
  if (record === null) throw noSuchGeneration();

  const generation = await showGeneration(ctx, record);
  const headers = {
    ETag: generationTag(generation),
    'Cache-Control': 'private, no-cache',
    ...(isSettled(generation.status) ? {} : { 'Retry-After': retryAfterSeconds(generation, Date.now()) }),
    ...preferenceApplied(seconds),
  };
  if (noneMatch(call.req.headers['if-none-match'], headers.ETag)) sendJson(call, 200, generation, headers);
  else sendEmpty(call, 304, headers);
});
