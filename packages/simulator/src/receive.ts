import { randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { type ParsedForm, parseForm } from './body/parse-form.ts';
import { readBody } from './body/read-body.ts';
import type { LedgerEntry } from './ledger/ledger.ts';
import type { OpenCall } from './open-calls.ts';
import { gatewayReply, htmlReply, type Reply, send } from './reply.ts';
import type { Simulation } from './simulation.ts';

/** 302.AI's gateway states 50 MB for files; the envelope of a multipart body comes on top. */
const MAX_BODY_BYTES = 51 * 1024 * 1024;

/** A call as received, with the first two checks (key and balance) done. */
export interface Received {
  readonly id: string;
  readonly key: string;
  readonly form: ParsedForm;
  /** The fields every ledger line of this call begins with. */
  readonly line: Omit<LedgerEntry, 'event'>;
}

/**
 * Reads the whole body, notes it for `GET /_sim/requests` and checks the account, in the upstream's order.
 *
 * @returns null when the call was already answered or its client left
 */
export async function receive(sim: Simulation, call: OpenCall, request: IncomingMessage): Promise<Received | null> {
  if (sim.config.down === 'reset') {
    request.socket.resetAndDestroy();
    return null;
  }
  const path = new URL(request.url ?? '/', 'http://simulator').pathname;
  const body = await readBody(request, MAX_BODY_BYTES);
  if (body.kind === 'cut') return null;
  const key = /^Bearer +(\S+)\s*$/i.exec(request.headers.authorization ?? '')?.[1] ?? null;
  const line = { call: randomBytes(8).toString('hex'), key: key?.slice(-4) ?? null, path };
  const bytes = body.kind === 'body' ? body.bytes : Buffer.alloc(0);
  const form = await parseForm(request.headers['content-type'], bytes);
  record(sim, request, line, form);
  const account = checkAccount(sim, key);
  const refusal = sim.config.down
    ? htmlReply(503)
    : (account.refusal ?? (body.kind === 'too_large' ? gatewayReply(-10017) : null));
  if (refusal !== null || account.key === null) {
    await refuse(sim, call, line, refusal ?? gatewayReply(-10001));
    return null;
  }
  return { id: line.call, key: account.key, form, line };
}

function checkAccount(sim: Simulation, key: string | null): { key: string | null; refusal: Reply | null } {
  if (key === null) return { key, refusal: gatewayReply(-10001) };
  const { err } = sim.accounts.rule(key);
  if (err !== null) return { key, refusal: gatewayReply(err) };
  return { key, refusal: sim.accounts.hasBalance(key) ? null : gatewayReply(-10004) };
}

/** Answers a call that was not accepted; its only line in the ledger is this answer. */
export async function refuse(
  sim: Simulation,
  call: OpenCall,
  line: Omit<LedgerEntry, 'event'>,
  reply: Reply,
): Promise<void> {
  sim.ledger.append({
    event: 'answer',
    ...line,
    status: reply.status,
    ...(reply.code === undefined ? {} : { code: reply.code }),
  });
  await send(call, reply, sim.calls.stopping);
}

function record(
  sim: Simulation,
  request: IncomingMessage,
  line: { call: string; key: string | null; path: string },
  form: ParsedForm,
): void {
  const at = new Date().toISOString();
  const { authorization: _secret, ...headers } = request.headers;
  const files =
    form.kind === 'form'
      ? form.files.map((file) => ({
          name: file.name,
          filename: file.filename,
          content_type: file.contentType,
          bytes: file.bytes.length,
        }))
      : [];
  const fields = form.kind === 'form' ? form.fields : new Map<string, unknown>();
  const rawLyrics = form.kind === 'form' ? form.rawLyrics : null;
  sim.requests.add(() => ({
    ...line,
    at,
    content_type: headers['content-type'] ?? null,
    headers,
    lyrics_base64: rawLyrics?.toString('base64') ?? null,
    fields: Object.fromEntries(fields),
    files,
  }));
}
