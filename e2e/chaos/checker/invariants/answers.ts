import type { Operation, Violation } from '../../types.ts';
import { against, type Evidence, redisMayForget } from '../evidence.ts';
import type { RecordSeen } from '../read/record.ts';

/** Between a client's clock and that of Redis, on one machine. */
const CLOCK_MS = 1000;

/**
 * I10: no 2xx without a durable effect; what cannot be promised is refused with 503; the same idempotency key gives
 * the same id ever after.
 */
export function answers(evidence: Evidence): Violation[] {
  return [
    ...withoutRecord(evidence),
    ...otherId(evidence),
    ...looseKeys(evidence),
    ...withoutEffect(evidence),
    ...evidence.history.operations
      .filter(({ status }) => status !== null && status >= 500 && status !== 503)
      .map((each) => ({
        invariant: 'I10',
        job: each.job,
        id: each.id,
        message: `${each.op} was answered ${each.status}`,
      })),
  ];
}

/** An accepted id that Redis never heard of: lost ones (I1) leave traces in indexes, keys or events. */
function withoutRecord(evidence: Evidence): Violation[] {
  const { redis, history } = evidence;
  if (redisMayForget(evidence)) return [];
  const known = new Set([...redis.records.keys(), ...redis.erased.keys()]);
  for (const members of redis.sortedSets.values()) for (const id of members.keys()) known.add(id);
  for (const [name, hash] of redis.hashes) if (name.startsWith('i:')) known.add(hash['id'] ?? '');
  return [...history.accepted.keys()]
    .filter((id) => !known.has(id))
    .map((id) => against(evidence, 'I10', id, 'it was accepted, and nothing in Redis knows it'));
}

/** Where Redis may forget, a key may give a second id once the first one is gone. */
function otherId(evidence: Evidence): Violation[] {
  const first = new Map<string, Operation>();
  const violations: Violation[] = [];
  for (const each of evidence.history.operations) {
    if (each.op !== 'create' || each.outcome !== 'ok' || each.idempotency_key === null || each.id === null) continue;
    const before = first.get(each.idempotency_key);
    if (before === undefined || (redisMayForget(evidence) && !evidence.redis.records.has(before.id ?? ''))) {
      first.set(each.idempotency_key, each);
    } else if (before.id !== each.id) {
      violations.push(against(evidence, 'I10', each.id, `its key had given ${before.id} before`));
    }
  }
  return violations;
}

/** A record and the idempotency key that made it know each other. */
function looseKeys(evidence: Evidence): Violation[] {
  const { redis } = evidence;
  const violations: Violation[] = [];
  const withKey = new Set<string>();
  for (const each of evidence.history.operations) {
    if (each.op === 'create' && each.outcome === 'ok' && each.idempotency_key !== null && each.id) withKey.add(each.id);
  }
  for (const record of redis.records.values()) {
    const { id, idempotency } = record;
    if (withKey.has(id) && idempotency === null) {
      violations.push(against(evidence, 'I10', id, 'its idempotency key is not on record'));
    }
    if (idempotency !== null && redis.hashes.get(`i:${idempotency}`)?.['id'] !== id) {
      violations.push(against(evidence, 'I10', id, 'its idempotency key does not lead back to it'));
    }
  }
  return violations;
}

const EFFECTS: Partial<Record<Operation['op'], readonly string[]>> = {
  cancel: ['canceled'],
  retry: ['queued', 'succeeded', 'failed'],
  resolve: ['queued', 'succeeded', 'failed'],
};

/** An action that was answered 2xx stands in the history of its generation. */
function withoutEffect(evidence: Evidence): Violation[] {
  if (redisMayForget(evidence)) return [];
  const { redis, history } = evidence;
  const violations: Violation[] = [];
  for (const each of history.operations) {
    const id = each.id ?? '';
    const record = redis.records.get(id);
    if (each.outcome !== 'ok' || each.replayed) continue;
    if (each.op === 'delete' && record) violations.push(against(evidence, 'I10', id, 'it was deleted, and is there'));
    const effects = EFFECTS[each.op];
    if (!record || !effects || record.sequence > record.history.length) continue;
    if (!tells(record, effects, each)) {
      violations.push(against(evidence, 'I10', id, `${each.op} was answered ${each.status} and left no trace`));
    }
  }
  return violations;
}

function tells({ history }: RecordSeen, effects: readonly string[], { sent_at, ended_at }: Operation): boolean {
  const [from, to] = [Date.parse(sent_at) - CLOCK_MS, Date.parse(ended_at) + CLOCK_MS];
  return history.some(({ status, atMs }) => effects.includes(status) && atMs >= from && atMs <= to);
}
