import type { RecordStore } from './store.ts';

/** One entry of the stream that all processes share: that something happened, and to what. */
export interface LogEntry {
  /** Where it stands in the stream; later ones are larger by {@link comparePositions}. */
  readonly position: string;
  readonly type: string;
  /** Null for what concerns no project: holds, pauses, storage. */
  readonly project: string | null;
  /** Id of a generation or reference. */
  readonly subject: string | null;
  /** Of a generation: which event of its own history it is. */
  readonly sequence: number | null;
  readonly fields: Readonly<Record<string, string>>;
}

/** What XREAD, XRANGE and XREVRANGE answer, parsed. */
export function entryOf([position, flat]: readonly [string, readonly string[]]): LogEntry {
  const fields: Record<string, string> = {};
  for (let at = 0; at + 1 < flat.length; at += 2) fields[flat[at]!] = flat[at + 1]!;
  const { type = '', project, id, sequence } = fields;
  delete fields['type'];
  return {
    ...{ position, type, fields },
    ...{ project: project ?? null, subject: id ?? null, sequence: sequence === undefined ? null : Number(sequence) },
  };
}

/** When an entry was written, Unix ms of Redis' clock. */
export function positionMs(position: string): number {
  return Number(position.split('-')[0]);
}

export function isPosition(text: string): boolean {
  return /^\d{1,15}-\d{1,15}$/.test(text);
}

/** Less than, equal to or more than 0, as the first stands before, at or after the second. */
export function comparePositions(a: string, b: string): number {
  const [[ms = 0, n = 0], [otherMs = 0, otherN = 0]] = [a.split('-').map(Number), b.split('-').map(Number)];
  return ms - otherMs || n - otherN;
}

/** Positions of the oldest and the newest entry kept; null when there is none. */
export async function logEnds({ redis, keys }: RecordStore): Promise<{ oldest: string; newest: string } | null> {
  const [first, last] = await Promise.all([
    redis.xrange(keys.events, '-', '+', 'COUNT', 1),
    redis.xrevrange(keys.events, '+', '-', 'COUNT', 1),
  ]);
  const [oldest, newest] = [first[0]?.[0], last[0]?.[0]];
  return oldest === undefined || newest === undefined ? null : { oldest, newest };
}

/** What came after a position, oldest first. */
export async function logAfter({ redis, keys }: RecordStore, position: string, most: number): Promise<LogEntry[]> {
  return (await redis.xrange(keys.events, `(${position}`, '+', 'COUNT', most)).map(entryOf);
}

/** Redis takes nothing that is to stand before it. */
const BEGINNING = '0-0';

/** What came before a position, newest first. @param position null = from the newest */
export async function logBefore(
  { redis, keys }: RecordStore,
  position: string | null,
  most: number,
): Promise<LogEntry[]> {
  if (position !== null && comparePositions(position, BEGINNING) === 0) return [];
  return (await redis.xrevrange(keys.events, position === null ? '+' : `(${position}`, '-', 'COUNT', most)).map(
    entryOf,
  );
}
