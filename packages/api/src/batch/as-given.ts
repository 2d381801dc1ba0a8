import type { StoredRequest } from '@songmill/shared/runtime/records/types';

/**
 * A request as an item that can be submitted again: without what is absent or default in a batch, without
 * ids that we obtained for a reference that it names, and without a time for the first call that is over.
 *
 * @param nowMs Unix milliseconds
 */
export function asGiven(request: StoredRequest, nowMs: number): Record<string, unknown> {
  const { price: _price, ...fields } = request;
  const item: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(fields)) {
    const empty = typeof value === 'object' && value !== null && Object.keys(value).length === 0;
    if (value !== null && value !== '' && !empty) item[name] = value;
  }
  if (request.priority === 'bulk') delete item['priority'];
  if (request.voice_reference) delete item['refer_voice'];
  if (request.instrumental_reference) delete item['refer_instrumental'];
  if (request.start_by !== null && Date.parse(request.start_by) <= nowMs) delete item['start_by'];
  return item;
}
