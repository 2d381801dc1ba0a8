import type { AcceptedRequest } from '@songmill/shared/contract/generation-rules';
import { validateGeneration } from '@songmill/shared/contract/generation-rules';
import { MODELS } from '@songmill/shared/contract/models';

/** A request as the API would have accepted it. */
export function accepted(body: Record<string, unknown> = {}): AcceptedRequest {
  const given = { lyrics: 'la la\n\nla', refer_voice: 'vocal-1', ...body };
  const judged = validateGeneration(given, { models: MODELS, defaultModel: 'music-01', onUnknownCharge: 'retry' });
  if (!judged.ok) throw new Error(JSON.stringify(judged.faults));
  return judged.request;
}
