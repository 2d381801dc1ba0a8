import { isSettled, STATUSES } from '@songmill/shared/contract/words';
import type { Violation } from '../../types.ts';
import { against, type Evidence, inGeneral } from '../evidence.ts';
import type { RecordSeen } from '../read/record.ts';

/** Empty once nothing waits or runs; `rw:<reference>` too. */
const WAITING = ['ready', 'window', 'parked', 'scheduled', 'aside', 'deadlines', 'uploads'];
const KEPT = ['settled', 'songs', 'records'];

/** I6: after quiescence nothing stands in a queue, and every index and counter is what a recount of the records gives. */
export function recount(evidence: Evidence): Violation[] {
  return [...stillWaiting(evidence), ...lists(evidence), ...kept(evidence), ...counters(evidence)];
}

function stillWaiting({ redis }: Evidence): Violation[] {
  const violations: Violation[] = [];
  for (const [name, members] of redis.sortedSets) {
    if (!WAITING.includes(name) && !name.startsWith('rw:')) continue;
    if (members.size > 0) violations.push(inGeneral('I6', `${name} holds ${members.size}: ${some(members.keys())}`));
  }
  const told = redis.sets.get('settled-references');
  if (told) violations.push(inGeneral('I6', `settled-references holds ${told.size}`));
  for (const [field, count] of Object.entries(redis.hashes.get('fair') ?? {})) {
    if (field.startsWith('n:') && count !== '0') violations.push(inGeneral('I6', `${field} says that ${count} wait`));
  }
  return violations;
}

/** One list per project, and one per project and status. */
function lists({ redis }: Evidence): Violation[] {
  const expected = new Map<string, Map<string, number>>();
  const add = (name: string, { id, ordinal }: RecordSeen) =>
    expected.set(name, (expected.get(name) ?? new Map<string, number>()).set(id, ordinal));
  for (const record of redis.records.values()) {
    add(`l:${record.project}`, record);
    add(`l:${record.project}:${record.status}`, record);
  }
  const actual = new Map([...redis.sortedSets].filter(([name]) => name.startsWith('l:')));
  const projects = redis.sets.get('projects') ?? new Set();
  const violations = [...redis.records.values()]
    .filter(({ project }) => !projects.has(project))
    .map(({ project }) => inGeneral('I6', `project ${project} has records and is not in projects`));
  for (const name of new Set([...expected.keys(), ...actual.keys()])) {
    const message = difference(expected.get(name) ?? new Map(), actual.get(name) ?? new Map());
    if (message !== null) violations.push(inGeneral('I6', `${name} ${message}`));
  }
  return violations;
}

/** Settled records wait for retention in exactly one set, those that need a person in none. */
function kept(evidence: Evidence): Violation[] {
  const { redis } = evidence;
  const violations: Violation[] = [];
  for (const record of redis.records.values()) {
    const sets = KEPT.filter((name) => redis.sortedSets.get(`keep:${name}`)?.has(record.id));
    const wanted = ['succeeded', 'failed', 'canceled'].includes(record.status) ? 1 : 0;
    if (sets.length !== wanted) {
      const where = sets.length === 0 ? 'none' : sets.join(' and ');
      violations.push(against(evidence, 'I6', record.id, `it is ${record.status} and kept in ${where}`));
    } else if (sets[0] === 'settled' && record.packed) {
      violations.push(against(evidence, 'I6', record.id, 'it is packed, and waits to be packed'));
    }
  }
  for (const name of KEPT) {
    const strangers = [...(redis.sortedSets.get(`keep:${name}`)?.keys() ?? [])].filter((id) => !redis.records.has(id));
    if (strangers.length > 0) violations.push(inGeneral('I6', `keep:${name} names no record: ${some(strangers)}`));
  }
  return violations;
}

/** Counters inside the record: what a run has used up. Later knowledge of a call does not take its count back. */
function counters(evidence: Evidence): Violation[] {
  const violations: Violation[] = [];
  for (const record of evidence.redis.records.values()) {
    const run = record.attempts.filter((each) => each.run === record.run);
    // A call that ends after its run has settled (a cancel, or the song of an earlier call) counts toward nothing.
    const end = record.history.find((each) => each.run === record.run && isSettled(each.status));
    const judged = run.filter(({ finishedMs }) => finishedMs !== null && (end === undefined || finishedMs <= end.atMs));
    const atLeast = judged.filter(({ outcome }) => outcome === 'unknown').length;
    const counts: [string, number][] = [
      ['unknown', record.unknown],
      ['counted', record.counted],
    ];
    for (const [name, count] of counts) {
      if (count <= run.length && count >= atLeast) continue;
      const message = `its counter ${name} is ${count}; its run has ${run.length} attempts, ${atLeast} of them unknown`;
      violations.push(against(evidence, 'I6', record.id, message));
    }
    if (!(STATUSES as readonly string[]).includes(record.status)) {
      violations.push(against(evidence, 'I6', record.id, `its status is ${record.status}`));
    }
  }
  return violations;
}

function difference(expected: ReadonlyMap<string, number>, actual: ReadonlyMap<string, number>): string | null {
  const missing = [...expected.keys()].filter((id) => !actual.has(id));
  const extra = [...actual.keys()].filter((id) => !expected.has(id));
  const moved = [...expected].filter(([id, score]) => actual.has(id) && actual.get(id) !== score).map(([id]) => id);
  const parts = [
    ...(missing.length > 0 ? [`lacks ${missing.length}: ${some(missing)}`] : []),
    ...(extra.length > 0 ? [`has ${extra.length} too many: ${some(extra)}`] : []),
    ...(moved.length > 0 ? [`has ${moved.length} at another place: ${some(moved)}`] : []),
  ];
  return parts.length === 0 ? null : parts.join(', ');
}

function some(ids: Iterable<string>): string {
  return [...ids].slice(0, 5).join(' ');
}
