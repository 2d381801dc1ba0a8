/**
 * Every fault the simulator can play. `stage`: `refuse` = judged before the call is accepted, at the
 * place where content and limits are checked; `made` = after the song was worked on. `billed`: whether
 * the charge line is written; `free` and `billed` in a marker override it.
 */
export type FaultName =
  | 'code'
  | 'err'
  | 'status'
  | 'rst'
  | 'lost'
  | 'hang'
  | 'drip'
  | 'close'
  | 'truncate'
  | 'odd'
  | 'badhex'
  | 'empty'
  | 'data_status'
  | 'object'
  | 'html'
  | 'huge'
  | 'garbage'
  | 'late'
  | 'escaped'
  | 'decoy'
  | 'duplicate'
  | 'url';

export type Stage = 'refuse' | 'made';
type Value = 'none' | 'number' | 'required';

interface FaultRow {
  /** `required`: a number must follow; `number`: one may; `none`: none may. */
  readonly value: Value;
  readonly stage: (value: number | null) => Stage;
  readonly billed: (value: number | null) => boolean;
}

/** Codes that are only found out after work was done; the others are refused at once. */
const CODES_AFTER_WORK: ReadonlySet<number> = new Set([1000, 1001, 1013, 1024, 1027, 1033]);
const ERRORS_AFTER_WORK: ReadonlySet<number> = new Set([-1024, -10504, -10003]);
const GATEWAY_TIMEOUT_ERRORS: ReadonlySet<number> = new Set([-1024, -10504]);
/** Statuses of a gateway that gave up waiting while the song went on being made. */
const GATEWAY_TIMEOUTS: ReadonlySet<number> = new Set([504, 520, 522, 524]);

const has = (set: ReadonlySet<number>, value: number | null) => value !== null && set.has(value);
const stageBy = (set: ReadonlySet<number>) => (value: number | null) => (has(set, value) ? 'made' : 'refuse');
const made = () => 'made' as const;
const always = () => true;
const never = () => false;

export const FAULTS: Readonly<Record<FaultName, FaultRow>> = {
  // MiniMax's code says the output was made and then refused, so 1027 is billed.
  code: { value: 'required', stage: stageBy(CODES_AFTER_WORK), billed: (code) => code === 1027 },
  err: { value: 'required', stage: stageBy(ERRORS_AFTER_WORK), billed: (code) => has(GATEWAY_TIMEOUT_ERRORS, code) },
  status: { value: 'required', stage: stageBy(GATEWAY_TIMEOUTS), billed: (status) => has(GATEWAY_TIMEOUTS, status) },
  rst: { value: 'none', stage: () => 'refuse', billed: never },
  lost: { value: 'none', stage: made, billed: always },
  hang: { value: 'none', stage: made, billed: always },
  drip: { value: 'number', stage: made, billed: always },
  close: { value: 'none', stage: made, billed: always },
  truncate: { value: 'none', stage: made, billed: always },
  odd: { value: 'none', stage: made, billed: always },
  badhex: { value: 'number', stage: made, billed: always },
  empty: { value: 'none', stage: made, billed: always },
  data_status: { value: 'required', stage: made, billed: always },
  object: { value: 'none', stage: made, billed: never },
  html: { value: 'none', stage: made, billed: never },
  huge: { value: 'number', stage: made, billed: always },
  garbage: { value: 'none', stage: made, billed: always },
  late: { value: 'number', stage: made, billed: always },
  escaped: { value: 'none', stage: made, billed: always },
  decoy: { value: 'none', stage: made, billed: always },
  duplicate: { value: 'none', stage: made, billed: always },
  url: { value: 'none', stage: made, billed: always },
};

export function isFaultName(text: string): text is FaultName {
  return Object.hasOwn(FAULTS, text);
}
