import type { ModelReport } from '@songmill/shared/contract/model-list';
import { REFERENCE_FIELDS, type ServedModel, takesReferences } from '@songmill/shared/contract/models';
import { type Hold, readHold } from '@songmill/shared/runtime/records/hold';
import { rfc3339 } from '@songmill/shared/runtime/records/present';
import type { ApiContext, Call, Faults } from '../context.ts';
import { ValidationError } from '../errors.ts';
import { sendJson } from './answer.ts';
import { noQuery } from './query.ts';

/** `GET /v1/models`: every model that this version can call, as this server was set up, and what holds it. */
export async function listModels({ settings, store }: ApiContext, call: Call): Promise<void> {
  const faults: Faults = [];
  noQuery(call, faults);
  if (faults.length > 0) throw new ValidationError(faults);
  const data = await Promise.all(
    Object.values(settings.models).map(async (model) => show(model, await readHold(store, `model:${model.id}`))),
  );
  sendJson(call, 200, { data });
}

function show(model: ServedModel, hold: Hold | null): ModelReport {
  const { id, enabled, limits, fields, price } = model;
  return {
    ...{ id, enabled, limits, price },
    fields: takesReferences(model) ? [...fields, ...REFERENCE_FIELDS] : [...fields],
    hold: hold && {
      code: hold.code,
      reason: hold.reason,
      since: rfc3339(hold.sinceMs),
      next_probe_at: rfc3339(hold.nextProbeMs),
    },
  };
}
