import type { Violation } from '../../types.ts';
import { against, type Evidence, inGeneral, redisMayForget } from '../evidence.ts';

/** A killed process may have begun a file this long before the fault was noted, or its own end. */
const AROUND_MS = 2000;

/** I7: no file in storage without somebody whose it is, nothing half-written, nothing forgotten in a spool. */
export function files(evidence: Evidence): Violation[] {
  return [...storageFaults(evidence), ...halfWritten(evidence), ...spoolFaults(evidence)];
}

function storageFaults(evidence: Evidence): Violation[] {
  const { redis, storage } = evidence;
  const toSweep = redis.sets.get('sweep') ?? new Set();
  const violations: Violation[] = [];
  for (const [id, stored] of storage.byId) {
    const object = (message: string) => violations.push(against(evidence, 'I7', id, message));
    if (stored.strangers.length > 0) object(`its folder holds ${stored.strangers.join(' ')}`);
    if (stored.files.some(({ bytes }) => bytes === 0)) object('an empty song is stored');
    // Redis may have forgotten whole generations; their songs are then what is left of them.
    const known = redis.records.has(id) || redis.hashes.has(`r:${id}`) || toSweep.has(id) || redisMayForget(evidence);
    if (!known) object(redis.erased.has(id) ? 'it is erased, its files are still there' : 'its files belong to nobody');
  }
  return violations;
}

/** What a killed process leaves half-written is swept after an hour; anything else is a leak. */
function halfWritten({ storage, faults }: Evidence): Violation[] {
  return storage.temporary
    .filter(
      ({ writtenMs }) =>
        !(faults ?? []).some(
          (each) =>
            Date.parse(each.began_at) - AROUND_MS <= writtenMs && writtenMs <= Date.parse(each.ended_at) + AROUND_MS,
        ),
    )
    .map(({ name }) => inGeneral('I7', `storage holds the temporary file ${name}, and no fault explains it`));
}

function spoolFaults(evidence: Evidence): Violation[] {
  const violations: Violation[] = [];
  for (const { name, files: names, open } of evidence.spool) {
    for (const file of names) {
      if (file.endsWith('.new')) violations.push(inGeneral('I7', `spool ${name} holds the temporary file ${file}`));
      if (file.endsWith('.part') && !open.has(file.slice(0, -'.part'.length))) {
        violations.push(inGeneral('I7', `spool ${name} holds ${file}, and no open line of its journal explains it`));
      }
    }
    for (const line of open.values()) {
      const stored = evidence.storage.byId.get(line.id)?.files.some(({ token }) => token === line.token);
      const gone = !evidence.redis.records.has(line.id);
      if (line.event === 'answered' && !stored && !gone) {
        violations.push(
          against(evidence, 'I7', line.id, `the paid song of ${line.token} is still in spool ${name} only`),
        );
      }
    }
  }
  return violations;
}
