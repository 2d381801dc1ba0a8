import type { Fault, Markers } from '../faults/grammar.ts';
import { readMarkers } from '../faults/grammar.ts';
import type { Received } from '../receive.ts';
import { baseRespReply, gatewayReply, type Reply, songlessReply } from '../reply.ts';
import type { Simulation } from '../simulation.ts';
import { checkFields, type GenerationRequest } from './check-fields.ts';

export type Verdict =
  | {
      readonly kind: 'accepted';
      readonly request: GenerationRequest;
      readonly markers: Markers;
      readonly fault: Fault | null;
    }
  | { readonly kind: 'refused'; readonly reply: Reply; readonly fault?: Fault }
  /** A fault that gives no answer (`rst`, `hang`) to a call that is not accepted. */
  | { readonly kind: 'unanswered'; readonly fault: Fault };

/**
 * Judges a call whose key and balance are good, in the upstream's order: body type, model, fields,
 * content, rate, concurrency. Runs in one go, so that an accepted call has its place, and nobody else.
 */
export function judge(sim: Simulation, received: Received): Verdict {
  const { form, key } = received;
  if (form.kind === 'unreadable') return refused(baseRespReply(2013, form.detail));
  const model = form.fields.get('model');
  if (model === undefined || model === '') return refused(baseRespReply(2013, 'model is required'));
  if (typeof model !== 'string' || !sim.config.models.includes(model)) return refused(gatewayReply(-10008));
  const request = checkFields(form, model, sim.config.lyrics_limit, (id) => sim.references.isKnown(id));
  if ('invalid' in request) return refused(baseRespReply(2013, request.invalid));
  const prompt = form.fields.get('prompt');
  const markers = readMarkers(typeof prompt === 'string' ? `${request.lyrics}\n${prompt}` : request.lyrics);
  if (markers.unknown.length > 0) {
    return refused(baseRespReply(2013, `the simulator does not know ${markers.unknown.join(' ')}`));
  }
  if (sim.config.banned_words.some((word) => request.lyrics.includes(word))) return refused(baseRespReply(1026));
  const fault = sim.faults.take(markers, 'generation', key);
  if (fault?.stage === 'refuse') {
    const reply = songlessReply(fault);
    return reply === null ? { kind: 'unanswered', fault } : { kind: 'refused', reply, fault };
  }
  switch (sim.accounts.admit(key)) {
    case 'rate':
      return refused(baseRespReply(1002));
    case 'concurrency':
      return refused(baseRespReply(1041));
    case 'no_balance':
      return refused(gatewayReply(-10004));
    case 'admitted':
      return { kind: 'accepted', request, markers, fault };
  }
}

function refused(reply: Reply): Verdict {
  return { kind: 'refused', reply };
}
