import { randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

/** The caller's own id when it is 1 to 128 visible ASCII characters, else a new one. */
export function requestIdOf(req: Pick<IncomingMessage, 'headers'>): string {
  const given = req.headers['x-request-id'];
  return typeof given === 'string' && /^[\x21-\x7e]{1,128}$/.test(given) ? given : newRequestId();
}

const BYTES = 12;

/** Random bytes for many ids at once: asked for one by one they were a twentieth of a small request. */
let pool = Buffer.alloc(0);

/** 96 random bits, enough to find one request in any log. */
export function newRequestId(): string {
  if (pool.length < BYTES) pool = randomBytes(BYTES * 256);
  const id = `req_${pool.toString('hex', 0, BYTES)}`;
  pool = pool.subarray(BYTES);
  return id;
}
