import type { ProblemCode } from '@songmill/shared/contract/words';
import type { WireCode } from '../errors.ts';

interface ProblemText {
  readonly title: string;
  /** What it means and what to do; docs/errors.md and /docs/errors are made from it. */
  readonly advice: string;
}

/** Every code an answer can carry. The keys are the closed list; the texts may improve. */
export const PROBLEM_TEXTS: Readonly<Record<ProblemCode | WireCode, ProblemText>> = {
  malformed_body: {
    title: 'The body cannot be read',
    advice:
      'The body is not valid UTF-8, not valid JSON, or not a complete form. Send it as the Content-Type says. Nothing was recorded.',
  },
  bad_request: {
    title: 'Not a valid HTTP request',
    advice: 'The bytes on the connection are not HTTP/1.1. The connection is closed.',
  },
  unauthenticated: {
    title: 'No valid API key',
    advice:
      'Send `Authorization: Bearer <key>`. The key is missing, wrong, expired or revoked; which of these is not told.',
  },
  spend_limit: { title: 'The spending limit is reached', advice: 'Reserved for a later version.' },
  forbidden: {
    title: 'The key may not do this',
    advice: 'Use a key with the scope that `required_scope` names.',
  },
  not_found: {
    title: 'Nothing is here',
    advice: 'The path or the id is wrong, or the id belongs to another project.',
  },
  audio_not_ready: {
    title: 'There is no song yet',
    advice:
      'Wait until `status` is `succeeded` (`Prefer: wait=60` on the generation). A generation that ended otherwise never has a song unless it is retried.',
  },
  method_not_allowed: {
    title: 'The path does not take this method',
    advice: 'The `Allow` header says which it takes.',
  },
  request_timeout: {
    title: 'The request took too long to arrive',
    advice:
      'Headers must arrive within 10 s and the whole request within 30 s (a file within 10 minutes). Send it again.',
  },
  conflict: {
    title: 'The present state does not allow this',
    advice: 'Read the generation; `detail` names its status. Nothing was changed.',
  },
  gone: { title: 'It was here and is no more', advice: 'The audio was kept for its time and then deleted.' },
  body_too_large: {
    title: 'The body is too large',
    advice: 'Stay within MAX_BODY_BYTES (1 MiB unless the operator changed it).',
  },
  uri_too_long: { title: 'The URL is too long', advice: 'Stay within 8,192 bytes.' },
  unsupported_media_type: {
    title: 'The body is of a kind the path does not take',
    advice:
      'Send `application/json` in UTF-8 or, where the documentation says so, `multipart/form-data`; no Content-Encoding.',
  },
  range_not_satisfiable: {
    title: 'The range lies outside of the song',
    advice: '`Content-Range: bytes */N` says how many bytes there are.',
  },
  validation_failed: {
    title: 'The request breaks rules',
    advice: '`errors` names every fault with its place. Mend them all and send it again. Nothing was recorded.',
  },
  idempotency_key_reused: {
    title: 'The idempotency key belongs to another request',
    advice: 'The same Idempotency-Key came with another body or query before. Make a new key for each new song.',
  },
  headers_too_large: { title: 'The headers are too large', advice: 'Stay within 16 KiB for all headers together.' },
  rate_limited: { title: 'Too many requests', advice: 'Wait as long as `Retry-After` says.' },
  queue_full: {
    title: 'The queue is full',
    advice:
      'MAX_WAITING generations wait already. Send it again after `Retry-After`; the idempotency key is not used up.',
  },
  internal: {
    title: 'An error of ours',
    advice: 'Please report it with the `request_id`. With an Idempotency-Key it is safe to send the request again.',
  },
  queue_unavailable: {
    title: 'The queue cannot be reached',
    advice:
      'Redis is away or does not take writes. Send the request again after `Retry-After`, with the same Idempotency-Key: if it was recorded after all, you get that generation.',
  },
  storage_unavailable: {
    title: 'The storage cannot be reached',
    advice: 'The song is not lost. Try again after `Retry-After`.',
  },
};
