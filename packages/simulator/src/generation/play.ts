import type { Fault } from '../faults/grammar.ts';
import type { OpenCall } from '../open-calls.ts';
import { byteLength, drained, finished, type Reply, send, startAnswer } from '../reply.ts';
import type { Simulation } from '../simulation.ts';
import { firstHalf } from './success-body.ts';

const DRIP_STEPS = 50;
const DEFAULT_DRIP_MS = 60_000;

/** Sends an answer, or does what the fault does instead; says whether the client got all of it. */
export async function play(
  sim: Simulation,
  call: OpenCall,
  fault: Fault | null,
  reply: Reply,
): Promise<'sent' | 'gone'> {
  switch (fault?.name) {
    case 'rst':
    case 'lost':
      call.response.socket?.resetAndDestroy();
      return 'gone';
    case 'hang':
      await sim.calls.waitUntilGone(call);
      call.response.destroy();
      return 'gone';
    case 'close':
      return closeEarly(sim, call, reply);
    case 'drip':
      return drip(sim, call, reply, fault.value ?? DEFAULT_DRIP_MS);
    default:
      return send(call, reply, sim.calls.stopping);
  }
}

/** Promises the whole length, sends half and closes in order (FIN, not a reset). */
async function closeEarly(sim: Simulation, call: OpenCall, reply: Reply): Promise<'gone'> {
  startAnswer(call, reply, byteLength(reply.pieces), sim.calls.stopping);
  for (const piece of firstHalf(reply.pieces)) {
    if (!call.response.write(piece)) await drained(call);
  }
  call.response.socket?.destroySoon();
  return 'gone';
}

/** Sends the body in fifty equal parts over `ms`, which the time scale does not shorten. */
async function drip(sim: Simulation, call: OpenCall, reply: Reply, ms: number): Promise<'sent' | 'gone'> {
  const body = Buffer.concat(reply.pieces);
  const step = Math.ceil(body.length / DRIP_STEPS);
  startAnswer(call, reply, body.length, sim.calls.stopping);
  for (let at = 0; at < body.length; at += step) {
    if (call.response.destroyed) return 'gone';
    call.response.write(body.subarray(at, at + step));
    await sim.calls.wait(call, ms / DRIP_STEPS);
  }
  call.response.end();
  return finished(call);
}
