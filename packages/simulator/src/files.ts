import { createHmac, randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { composeSong, type SongOrder } from './audio/song.ts';
import { NO_MARKERS } from './faults/grammar.ts';
import { play } from './generation/play.ts';
import type { OpenCall } from './open-calls.ts';
import { htmlReply, send, songlessReply } from './reply.ts';
import type { Simulation } from './simulation.ts';

const MAX_FILES = 10_000;
const SIGNED_FOR_SECONDS = 24 * 3600;
const SIGNING_KEY = randomBytes(16);

/** Keeps the order of a song for `GET /files/...` and gives its signed address on this simulator. */
export function rememberFile(sim: Simulation, request: IncomingMessage, order: SongOrder): string {
  const id = randomBytes(16).toString('hex');
  if (sim.files.size >= MAX_FILES) sim.files.delete(sim.files.keys().next().value ?? '');
  sim.files.set(id, order);
  const expires = Math.floor(Date.now() / 1000) + SIGNED_FOR_SECONDS;
  const host = request.headers.host ?? 'localhost';
  return `http://${host}/files/${id}.${order.format}?Expires=${expires}&Signature=${signature(id, expires)}`;
}

/** GET /files/{id}.{format}: the song itself; 403 for a wrong or old signature, 404 for an unknown id. */
export async function handleFile(sim: Simulation, call: OpenCall, request: IncomingMessage): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://simulator');
  const id = /^\/files\/([0-9a-f]{32})\.\w+$/.exec(url.pathname)?.[1] ?? '';
  const order = sim.files.get(id);
  const expires = Number(url.searchParams.get('Expires'));
  const isSigned = url.searchParams.get('Signature') === signature(id, expires) && expires * 1000 > Date.now();
  const fault = sim.faults.take(NO_MARKERS, 'file', null);
  const refusal = order === undefined ? htmlReply(404) : isSigned ? null : htmlReply(403);
  if (order === undefined || refusal !== null) {
    await send(call, refusal ?? htmlReply(404), sim.calls.stopping);
    return;
  }
  const song = await composeSong(order);
  const whole = { status: 200, headers: { 'content-type': song.contentType }, pieces: [...song.raw] };
  await play(sim, call, fault, (fault === null ? null : songlessReply(fault)) ?? whole);
}

function signature(id: string, expires: number): string {
  return createHmac('sha256', SIGNING_KEY).update(`${id} ${expires}`).digest('base64url');
}
