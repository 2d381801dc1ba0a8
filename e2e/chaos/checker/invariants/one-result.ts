import type { Violation } from '../../types.ts';
import { against, type Evidence } from '../evidence.ts';
import type { RecordSeen, SongSeen } from '../read/record.ts';

/** I2: at most one result is ever published, and record, commit file and stored bytes say the same of it. */
export function oneResult(evidence: Evidence): Violation[] {
  const violations: Violation[] = [];
  for (const record of evidence.redis.records.values()) {
    for (const message of [...publishedTwice(evidence, record), ...disagreements(evidence, record)]) {
      violations.push(against(evidence, 'I2', record.id, message));
    }
  }
  return violations;
}

/** Signs that more than one result of a generation was published; empty when there are none. */
export function publishedTwice({ redis, storage }: Evidence, { id, history, song }: RecordSeen): string[] {
  const signs: string[] = [];
  const times = history.filter((each) => each.status === 'succeeded').length;
  if (times > 1) signs.push(`it succeeded ${times} times`);
  const announced = redis.succeededEvents.get(id)?.size ?? 0;
  if (announced > 1) signs.push(`its success was announced ${announced} times`);
  const commit = storage.byId.get(id)?.commit ?? null;
  if (song && commit && commit !== 'damaged' && commit.token !== song.token) {
    signs.push(`the song of ${song.token} is published, that of ${commit.token} is committed`);
  }
  return signs;
}

function disagreements({ storage }: Evidence, { id, song, spare, status }: RecordSeen): string[] {
  const stored = storage.byId.get(id);
  const faults: string[] = [];
  if (stored?.commit === 'damaged') faults.push('its commit file cannot be read');
  if (status === 'succeeded' && (stored?.commit ?? null) === null) faults.push('it succeeded and has no commit file');
  const claims: [string, SongSeen | null | undefined][] = [
    ['record', song],
    ['spare', spare],
    ['commit file', stored?.commit === 'damaged' ? null : stored?.commit],
  ];
  for (const [who, claimed] of claims) {
    if (!claimed) continue;
    const file = stored?.files.find(({ token }) => token === claimed.token);
    if (!file) faults.push(`the song that its ${who} names is not stored`);
    else if (file.sha256 !== claimed.sha256) faults.push(`the stored song is not the one that its ${who} names`);
    else if (file.bytes !== claimed.bytes)
      faults.push(`its ${who} says ${claimed.bytes} bytes, stored are ${file.bytes}`);
  }
  return faults;
}
