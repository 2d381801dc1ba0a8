import type { Sample, Violation } from '../../types.ts';
import { type Evidence, inGeneral } from '../evidence.ts';

const MOST = {
  /** One process; a worker with 50 calls of 4 MB of hex in flight stays well below. */
  rssBytes: 768 * 1024 * 1024,
  fds: 1000,
  /** A process that still answers; one that was stopped on purpose has a sample as long as that, so the median counts. */
  medianLoopMs: 1000,
  spoolBytes: 64 * 1024 * 1024,
  /** The stream is trimmed to about 100,000. */
  events: 110_000,
  history: 100,
} as const;

/** I8: memory, open files, disk and the event loop's delay stay within bounds. */
export function bounded(evidence: Evidence): Violation[] {
  const violations: Violation[] = [];
  const object = (message: string) => violations.push(inGeneral('I8', message));
  for (const [name, samples] of samplesByName(evidence.samples)) {
    const rss = Math.max(...samples.map((each) => each.rss));
    const fds = Math.max(...samples.map((each) => each.fds));
    const loop = median(samples.flatMap((each) => (each.loop_ms === null ? [] : [each.loop_ms])));
    if (rss > MOST.rssBytes) object(`${name} took ${Math.round(rss / 1024 / 1024)} MB`);
    if (fds > MOST.fds) object(`${name} had ${fds} files open`);
    if (loop > MOST.medianLoopMs) object(`the event loop of ${name} was ${Math.round(loop)} ms late in the median`);
  }
  const spool = evidence.spool.reduce((sum, { bytes }) => sum + bytes, 0);
  if (spool > MOST.spoolBytes) object(`the spool holds ${Math.round(spool / 1024 / 1024)} MB after quiescence`);
  if (evidence.redis.events > MOST.events) object(`the event stream holds ${evidence.redis.events}`);
  for (const { id, history } of evidence.redis.records.values()) {
    if (history.length > MOST.history) object(`${id} keeps ${history.length} entries of history`);
  }
  return violations;
}

function samplesByName(samples: readonly Sample[]): Map<string, Sample[]> {
  const byName = new Map<string, Sample[]>();
  for (const each of samples) {
    const known = byName.get(each.name);
    if (known) known.push(each);
    else byName.set(each.name, [each]);
  }
  return byName;
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0;
}
