import { type AcceptedRequest, type FieldFault, validateGeneration } from '@songmill/shared/contract/generation-rules';
import type { InputFault } from '@songmill/shared/contract/problem';
import type { ApiContext, Call, Faults } from '../context.ts';
import { mediaTypeOf, readBody } from './body.ts';
import { inForm, readGenerationForm } from './generation-form.ts';
import { parseJson } from './json.ts';
import { requestUrlFault } from '../webhook/check-url.ts';

const FORM = 'multipart/form-data';

/**
 * The body of `POST /v1/generations`, JSON or form. Faults are added to `faults`; null is answered
 * when there is any.
 *
 * @throws ProblemError when the body cannot be read at all
 */
export async function readGenerationBody(ctx: ApiContext, call: Call, faults: Faults): Promise<AcceptedRequest | null> {
  const { settings } = ctx;
  const type = mediaTypeOf(call, ['application/json', FORM]);
  const bytes = await readBody(call, settings.MAX_BODY_BYTES);
  const asForm = type.essence === FORM;
  let body: unknown;
  if (asForm) {
    body = await readGenerationForm(bytes, call.req.headers, faults);
  } else {
    const { value, faults: inner } = parseJson(bytes);
    faults.push(...inner);
    // Rules walk the value by recursion, so deep ones end here.
    if (inner.some((fault) => fault.code === 'too_deep')) return null;
    body = value;
  }
  const { models, DEFAULT_MODEL: defaultModel, ON_UNKNOWN_CHARGE: onUnknownCharge } = settings;
  const rules = { models, defaultModel, onUnknownCharge };
  const judged = validateGeneration(body, rules);
  const urlFault = requestUrlFault(ctx, body);
  if (urlFault !== null) faults.push(asForm ? inForm(urlFault) : urlFault);
  if (judged.ok) return faults.length > 0 ? null : judged.request;
  const told = new Set(faults.map(placeOf));
  for (const fault of judged.faults) {
    const shown: InputFault = asForm ? inForm(fault) : fault;
    // `__proto__` is named once, not as an unknown field too.
    if (shown.pointer === '' || !told.has(placeOf(shown))) faults.push(shown);
  }
  return null;
}

/** A fault of the request where its sender wrote it: in the form, or in the JSON body. */
export function asSent(call: Call, fault: FieldFault): InputFault {
  return mediaTypeOf(call, ['application/json', FORM]).essence === FORM ? inForm(fault) : fault;
}

function placeOf(fault: InputFault): string {
  return fault.pointer ?? fault.field ?? '';
}
