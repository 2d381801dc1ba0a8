import { isSettled } from '@songmill/shared/contract/words';
import type { Violation } from '../../types.ts';
import { against, type Evidence, inGeneral } from '../evidence.ts';
import type { RecordSeen } from '../read/record.ts';

/**
 * I1: every id that a 2xx gave ends in exactly one settled state. What a run may lose (a power cut, a stale replica)
 * is counted and has its bound.
 */
export function settled(evidence: Evidence): Violation[] {
  const { redis, limits } = evidence;
  const lost = lostIds(evidence);
  const violations: Violation[] = [];
  if (lost.length > limits.mayLose) {
    const bound = limits.mayLose > 0 ? `; the run may lose ${limits.mayLose}` : '';
    violations.push(...lost.map((id) => against(evidence, 'I1', id, `it was accepted and has no record${bound}`)));
  }
  for (const record of redis.records.values()) {
    for (const message of faultsOf(record)) violations.push(against(evidence, 'I1', record.id, message));
  }
  if (limits.mayLose === 0) violations.push(...deniedToClients(evidence));
  if (limits.mayLose > 0 && !limits.mayLoseBecause)
    violations.push(inGeneral('I1', 'it may lose some, and nobody says why'));
  return violations;
}

/** Accepted ids of which Redis has neither a record nor what an erased one leaves. */
export function lostIds({ history, redis }: Evidence): string[] {
  return [...history.accepted.keys()].filter((id) => !redis.records.has(id) && !redis.erased.has(id));
}

function faultsOf(record: RecordSeen): string[] {
  const faults: string[] = [];
  if (!isSettled(record.status)) faults.push(`it is still ${record.status}`);
  if (record.intent !== null) faults.push(`it has an open call in state ${record.status}`);
  if (record.finishedMs === null) faults.push('it has no time at which it finished');
  if (record.status === 'succeeded' && record.song === null) faults.push('it succeeded without a song');
  if (record.status !== 'succeeded' && record.song !== null) faults.push(`it is ${record.status} and has a song`);
  if (record.status === 'failed' && !record.error) faults.push('it failed and does not say why');
  return [...faults, ...historyFaults(record)];
}

/** The record's own history: whole, ending where the record is, and over after the one final state. */
function historyFaults({ history, sequence, status }: RecordSeen): string[] {
  const faults: string[] = [];
  const last = history.at(-1);
  if (last?.sequence !== sequence || last.status !== status) {
    faults.push(`its history ends with ${last?.sequence} ${last?.status}, the record with ${sequence} ${status}`);
  }
  const first = history[0]?.sequence ?? 0;
  if (history.length !== sequence - first + 1) faults.push('its history has a gap');
  if (history.slice(0, -1).some((each) => each.status === 'succeeded'))
    faults.push('it went on after it had succeeded');
  return faults;
}

/** A client that asks for what was accepted must not be told that there is no such thing. */
function deniedToClients(evidence: Evidence): Violation[] {
  const violations: Violation[] = [];
  for (const id of evidence.history.accepted.keys()) {
    const operations = evidence.history.byId.get(id) ?? [];
    const deleted = operations.find((each) => each.op === 'delete');
    const denied = operations.find((each) => each.status === 404 && (!deleted || each.ended_at < deleted.sent_at));
    // A song's audio may not be ready; that is a read, too, and its detail says so.
    if (denied && !/audio/.test(denied.detail ?? '')) {
      violations.push(against(evidence, 'I1', id, `${denied.op} of it was answered 404`));
    }
  }
  return violations;
}
