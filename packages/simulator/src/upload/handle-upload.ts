import type { IncomingMessage } from 'node:http';
import type { FilePart, ParsedForm } from '../body/parse-form.ts';
import { baseResp } from '../envelopes.ts';
import { readMarkers } from '../faults/grammar.ts';
import { play } from '../generation/play.ts';
import { drawLatencyMs } from '../latency.ts';
import type { OpenCall } from '../open-calls.ts';
import { receive, refuse } from '../receive.ts';
import { newReferenceId } from '../references.ts';
import { baseRespReply, jsonReply, newTraceId, type Reply, songlessReply } from '../reply.ts';
import type { Simulation } from '../simulation.ts';
import { audioSeconds } from './audio-seconds.ts';

const MIN_SECONDS = 10;
const MAX_SECONDS = 600;

/** Which ids each purpose gives. */
const PURPOSES = {
  song: ['vocal', 'instrumental'],
  voice: ['vocal'],
  instrumental: ['instrumental'],
} as const;
type Purpose = keyof typeof PURPOSES;

interface Upload {
  readonly purpose: Purpose;
  readonly file: FilePart;
}

/** POST /minimaxi/v1/music_upload. Markers are read from the file's name. Uploads are not billed. */
export async function handleUpload(sim: Simulation, call: OpenCall, request: IncomingMessage): Promise<void> {
  const received = await receive(sim, call, request);
  if (received === null) return;
  const upload = checkUpload(received.form);
  if ('refusal' in upload) return refuse(sim, call, received.line, upload.refusal);
  const markers = readMarkers(upload.file.filename);
  if (markers.unknown.length > 0) {
    return refuse(
      sim,
      call,
      received.line,
      baseRespReply(2013, `the simulator does not know ${markers.unknown.join(' ')}`),
    );
  }
  const fault = sim.faults.take(markers, 'upload', received.key);
  const line = fault === null ? received.line : { ...received.line, fault: fault.text };
  if (fault?.stage === 'refuse') {
    const reply = songlessReply(fault);
    if (reply !== null) return refuse(sim, call, line, reply);
    await play(sim, call, fault, { status: 200, headers: {}, pieces: [] });
    return;
  }
  await sim.calls.wait(
    call,
    markers.latencyMs ?? drawLatencyMs(sim.config.upload_latency, sim.config.time_scale, sim.random),
  );
  const ids = giveIds(sim, upload.purpose);
  await sim.ledger.appendDurably({ event: 'upload', ...line, ...ids });
  const traceId = newTraceId();
  const good = jsonReply(200, JSON.stringify({ ...ids, base_resp: baseResp(0) }), 0);
  const whole = { ...good, headers: { ...good.headers, 'trace-id': traceId } };
  const reply = (fault === null ? null : songlessReply(fault)) ?? whole;
  const end = await play(sim, call, fault, reply);
  if (end === 'gone') return sim.ledger.append({ event: 'gone', ...line });
  sim.ledger.append({ event: 'answer', ...line, status: reply.status, code: reply.code ?? reply.status });
}

function giveIds(sim: Simulation, purpose: Purpose): { voice_id?: string; instrumental_id?: string } {
  const now = new Date();
  const ids: { voice_id?: string; instrumental_id?: string } = {};
  for (const kind of PURPOSES[purpose]) {
    const id = newReferenceId(kind, now);
    sim.references.add(id);
    ids[kind === 'vocal' ? 'voice_id' : 'instrumental_id'] = id;
  }
  return ids;
}

function checkUpload(form: ParsedForm): Upload | { readonly refusal: Reply } {
  if (form.kind === 'unreadable') return { refusal: baseRespReply(2013, form.detail) };
  if (form.encoding !== 'multipart') return { refusal: baseRespReply(2013, 'multipart/form-data is required') };
  const purpose = form.fields.get('purpose');
  if (typeof purpose !== 'string' || !Object.hasOwn(PURPOSES, purpose))
    return { refusal: baseRespReply(2013, 'purpose') };
  const file = form.files.find((part) => part.name === 'file');
  if (file === undefined) return { refusal: baseRespReply(2013, 'file is required') };
  const seconds = audioSeconds(file.bytes);
  if (seconds === null) return { refusal: baseRespReply(2013, 'file is neither wav nor mp3') };
  if (seconds <= MIN_SECONDS || seconds > MAX_SECONDS) return { refusal: baseRespReply(2037) };
  return { purpose: purpose as Purpose, file };
}
