import { hash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { composeSong, type SongOrder } from '../audio/song.ts';
import type { Fault } from '../faults/grammar.ts';
import { rememberFile } from '../files.ts';
import { drawLatencyMs } from '../latency.ts';
import type { LedgerEntry } from '../ledger/ledger.ts';
import type { OpenCall } from '../open-calls.ts';
import { type Received, receive, refuse } from '../receive.ts';
import { newTraceId, type Reply, songlessReply } from '../reply.ts';
import type { Simulation } from '../simulation.ts';
import { codePoints } from './check-fields.ts';
import { judge, type Verdict } from './judge.ts';
import { play } from './play.ts';
import { successBody } from './success-body.ts';

const LEDGER_LYRICS_CHARACTERS = 80;
const MIN_SECONDS = 10;
const SECONDS_PER_CHARACTER = 0.25;

type Accepted = Extract<Verdict, { kind: 'accepted' }>;

/**
 * POST /minimaxi/v1/music_generation: receive, judge, work, bill, answer. The charge is written when the
 * song is made, before the first byte of its answer, and also when the client is no longer there.
 */
export async function handleGeneration(sim: Simulation, call: OpenCall, request: IncomingMessage): Promise<void> {
  const received = await receive(sim, call, request);
  if (received === null) return;
  const verdict = judge(sim, received);
  const line = ledgerLine(received, verdict);
  switch (verdict.kind) {
    case 'refused':
      return refuse(sim, call, line, verdict.reply);
    case 'unanswered':
      sim.ledger.append({ event: 'gone', ...line });
      await play(sim, call, verdict.fault, { status: 200, headers: {}, pieces: [] });
      return;
    case 'accepted':
      return work(sim, call, request, received, verdict, line);
  }
}

async function work(
  sim: Simulation,
  call: OpenCall,
  request: IncomingMessage,
  received: Received,
  accepted: Accepted,
  line: Omit<LedgerEntry, 'event'>,
): Promise<void> {
  const { fault, markers } = accepted;
  const billed = fault?.billed ?? true;
  let finished = false;
  try {
    sim.ledger.append({ event: 'call', ...line });
    const drawn = drawLatencyMs(sim.config.latency, sim.config.time_scale, sim.random);
    await sim.calls.wait(call, markers.latencyMs ?? drawn);
    if (billed) await sim.ledger.appendDurably({ event: 'charge', ...line });
    finished = true;
    sim.accounts.finish(received.key, billed);
    if (call.gone) return sim.ledger.append({ event: 'gone', ...line });
    const reply = (fault === null ? null : songlessReply(fault)) ?? (await songReply(sim, request, accepted));
    const end = await play(sim, call, fault, reply);
    if (end === 'gone') return sim.ledger.append({ event: 'gone', ...line });
    sim.ledger.append({ event: 'answer', ...line, status: reply.status, code: reply.code ?? reply.status });
  } finally {
    if (!finished) sim.accounts.finish(received.key, false);
  }
}

async function songReply(sim: Simulation, request: IncomingMessage, accepted: Accepted): Promise<Reply> {
  const { fault, markers, request: asked } = accepted;
  const seconds = Math.min(asked.maxSeconds, Math.max(MIN_SECONDS, SECONDS_PER_CHARACTER * codePoints(asked.lyrics)));
  const order: SongOrder = {
    text: asked.lyrics === '' ? asked.references.join(' ') : asked.lyrics,
    seconds,
    bytes: markers.bytes ?? sim.config.song_bytes,
    ...asked.setting,
  };
  const traceId = newTraceId();
  const wantsUrl = fault?.name === 'url' || (asked.outputFormat ?? sim.config.answer.audio) === 'url';
  const body = successBody(
    {
      model: asked.model,
      song: await composeSong(order),
      traceId,
      shape: sim.config.answer,
      url: wantsUrl ? rememberFile(sim, request, order) : null,
    },
    fault,
  );
  return { status: 200, headers: { 'content-type': 'application/json', 'trace-id': traceId }, pieces: body, code: 0 };
}

function ledgerLine(received: Received, verdict: Verdict): Omit<LedgerEntry, 'event'> {
  const { form, line } = received;
  const fields = form.kind === 'form' ? form.fields : new Map<string, unknown>();
  const model = fields.get('model');
  const lyrics = fields.get('lyrics');
  const fault: Fault | null = verdict.fault ?? null;
  const tag = verdict.kind === 'accepted' ? verdict.markers.tag : null;
  return {
    ...line,
    ...(typeof model === 'string' ? { model: model.slice(0, 64) } : {}),
    ...(typeof lyrics === 'string'
      ? {
          lyrics_sha256: hash('sha256', lyrics),
          lyrics: [...lyrics.slice(0, 2 * LEDGER_LYRICS_CHARACTERS)].slice(0, LEDGER_LYRICS_CHARACTERS).join(''),
        }
      : {}),
    ...(tag === null ? {} : { tag }),
    ...(fault === null ? {} : { fault: fault.text }),
  };
}
