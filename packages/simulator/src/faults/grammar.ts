import { FAULTS, type FaultName, isFaultName, type Stage } from './table.ts';

/** One fault as a call plays it. */
export interface Fault {
  readonly name: FaultName;
  readonly value: number | null;
  readonly stage: Stage;
  readonly billed: boolean;
  /** Seconds for a Retry-After header; null = no header. */
  readonly retryAfter: number | null;
  /** Another HTTP status than the usual one of an envelope. */
  readonly status: number | null;
  /** Write `err_code` as text, as some gateways do. */
  readonly asText: boolean;
  /** The words it was asked for with; goes into the ledger. */
  readonly text: string;
}

export interface FaultOrder {
  readonly fault: Fault;
  /** Play it this often, then no more; null = always. */
  readonly times: number | null;
  /** What `times` is counted by: the order's `id`, else its whole text. */
  readonly id: string;
}

/** What a text asks for with its markers. `unknown` holds the ones that mean nothing: a test's typing error. */
export interface Markers {
  readonly orders: readonly FaultOrder[];
  readonly bytes: number | null;
  readonly latencyMs: number | null;
  readonly tag: string | null;
  readonly unknown: readonly string[];
}

export const NO_MARKERS: Markers = { orders: [], bytes: null, latencyMs: null, tag: null, unknown: [] };

const needsNoSong: ReadonlySet<FaultName> = new Set(['code', 'err', 'status', 'rst', 'hang', 'html', 'object']);

const MARKER = /\[sim:([^\]\n]*)\]/g;

/** Finds every `[sim:...]` of the text, in order. The grammar is in the package's README. */
export function readMarkers(text: string): Markers {
  if (!text.includes('[sim:')) return NO_MARKERS;
  const orders: FaultOrder[] = [];
  const unknown: string[] = [];
  const settings: { bytes: number | null; latencyMs: number | null; tag: string | null } = {
    bytes: null,
    latencyMs: null,
    tag: null,
  };
  for (const [whole, inner = ''] of text.matchAll(MARKER)) {
    const setting = /^(bytes|latency|tag)=([\w.-]{1,40})$/.exec(inner);
    const number = Number(setting?.[2]);
    const order = setting === null ? parseFaultOrder(inner) : null;
    if (setting?.[1] === 'tag') settings.tag = setting[2] ?? null;
    else if (setting?.[1] === 'bytes' && number >= 0) settings.bytes = number;
    else if (setting?.[1] === 'latency' && number >= 0) settings.latencyMs = number;
    else if (order !== null) orders.push(order);
    else unknown.push(whole);
  }
  return { orders, ...settings, unknown };
}

/** Parses `code=1002,x2,id=a`; null when any part of it means nothing. */
export function parseFaultOrder(text: string): FaultOrder | null {
  const [head = '', ...options] = text.split(',').map((part) => part.trim());
  const bare = /^[45]\d\d$/.test(head) ? `status=${head}` : head;
  const [, name = '', digits] = /^([a-z_]+)(?:=(-?\d{1,12}))?$/.exec(bare) ?? [];
  if (!isFaultName(name)) return null;
  const row = FAULTS[name];
  const value = digits === undefined ? null : Number(digits);
  if ((row.value === 'required' && value === null) || (row.value === 'none' && value !== null)) return null;
  if (name === 'status' && (value === null || value < 200 || value > 599)) return null;
  const chosen = readOptions(options);
  if (chosen === null) return null;
  const fault: Fault = {
    name,
    value,
    stage: chosen.stage ?? row.stage(value),
    billed: chosen.billed ?? row.billed(value),
    retryAfter: chosen.retryAfter,
    status: chosen.status,
    asText: chosen.asText,
    text,
  };
  // Nothing is made before a call is accepted, so there is neither a song to spoil nor one to bill.
  if (fault.stage === 'refuse' && (fault.billed || !needsNoSong.has(name))) return null;
  return { fault, times: chosen.times, id: chosen.id ?? text };
}

interface Options {
  times: number | null;
  id: string | null;
  retryAfter: number | null;
  status: number | null;
  billed: boolean | null;
  stage: Stage | null;
  asText: boolean;
}

function readOptions(options: readonly string[]): Options | null {
  const chosen: Options = {
    times: null,
    id: null,
    retryAfter: null,
    status: null,
    billed: null,
    stage: null,
    asText: false,
  };
  for (const option of options) {
    const [, name = '', value = ''] = /^([a-z_]+)=?([\w.-]*)$/.exec(option) ?? [];
    const number = Number(value);
    if (/^x\d{1,6}$/.test(option)) chosen.times = Number(option.slice(1));
    else if (name === 'id' && value !== '') chosen.id = value;
    else if (name === 'retry_after' && value !== '' && number >= 0) chosen.retryAfter = number;
    else if (name === 'status' && number >= 200 && number <= 599) chosen.status = number;
    else if (option === 'billed') Object.assign(chosen, { billed: true, stage: 'made' satisfies Stage });
    else if (option === 'free') chosen.billed = false;
    else if (option === 'made') chosen.stage = 'made';
    else if (option === 'now') Object.assign(chosen, { billed: false, stage: 'refuse' satisfies Stage });
    else if (option === 'string') chosen.asText = true;
    else return null;
  }
  return chosen;
}
