import type { DeliveryLine, Violation } from '../../types.ts';
import { against, type Evidence, inGeneral, redisMayForget } from '../evidence.ts';
import type { RecordSeen } from '../read/record.ts';

/** One event that somebody asked to be told of. */
interface Asked {
  readonly id: string;
  readonly type: string;
  readonly sequence: number;
  readonly atMs: number;
  readonly url: string;
  /** Null: the request's own URL. */
  readonly endpoint: string | null;
}

interface Endpoint {
  readonly id: string;
  readonly project: string;
  readonly url: string;
  readonly events: readonly string[];
  readonly createdMs: number;
}

/** Between the receiver's clock and that of Redis, on one machine. */
const CLOCK_MS = 1000;
const SETTLED = ['succeeded', 'failed', 'canceled', 'needs_review'];

/**
 * I5: every event that was asked for came to its URL, whole and signed, under one id that is nobody else's and with the
 * same bytes each time; nobody was told anything else. A receiver that said that it is gone may miss some.
 */
export function told(evidence: Evidence): Violation[] {
  return [...stillOwed(evidence), ...strangeRequests(evidence), ...ids(evidence), ...untold(evidence)];
}

/** Every event with a URL that asked for it, by the records' own history. */
export function askedFor({ redis }: Evidence): Asked[] {
  const endpoints = endpointsOf(redis.hashes);
  return [...redis.records.values()].flatMap((record) =>
    eventsOf(record).flatMap((event) => [
      ...(record.webhook?.events.includes(event.type) ? [{ ...event, url: record.webhook.url, endpoint: null }] : []),
      ...endpoints
        .filter(({ project, events }) => project === record.project && events.includes(event.type))
        .filter(({ createdMs }) => createdMs <= event.atMs)
        .map(({ id, url }) => ({ ...event, url, endpoint: id })),
    ]),
  );
}

/** A run ends each way at most once. */
function eventsOf({ id, history }: RecordSeen): Omit<Asked, 'url' | 'endpoint'>[] {
  const ended = new Set<string>();
  return history
    .filter(({ status, run }) => {
      const way = `${run} ${status}`;
      if (!SETTLED.includes(status)) return true;
      return !ended.has(way) && ended.add(way);
    })
    .map(({ status, sequence, atMs }) => ({ id, type: `generation.${status}`, sequence, atMs }));
}

function endpointsOf(hashes: Evidence['redis']['hashes']): Endpoint[] {
  return [...hashes]
    .filter(([name, hash]) => name.startsWith('ep:') && hash['url'] !== undefined)
    .map(([name, hash]) => ({
      id: name.slice('ep:'.length),
      project: hash['project'] ?? '',
      url: hash['url']!,
      events: JSON.parse(hash['events'] ?? '[]') as string[],
      createdMs: Number(hash['created_at']),
    }));
}

function stillOwed({ redis }: Evidence): Violation[] {
  const isOwed = (name: string) =>
    name === 'owed' || name === 'deliver-window' || name.startsWith('line:') || /^dl:.*:pending$/.test(name);
  return [...redis.sortedSets]
    .filter(([name, members]) => isOwed(name) && members.size > 0)
    .map(([name, members]) =>
      inGeneral('I5', `${name} holds ${members.size}: ${[...members.keys()].slice(0, 5).join(' ')}`),
    );
}

/** What came and should not have: to a URL that nobody named, with a wrong signature, or of what nobody asked for. */
function strangeRequests(evidence: Evidence): Violation[] {
  const { redis, deliveries } = evidence;
  const urls = new Set(endpointsOf(redis.hashes).map(({ url }) => url));
  for (const { webhook } of redis.records.values()) if (webhook !== null) urls.add(webhook.url);
  const asked = new Set(askedFor(evidence).map(keyOf));
  const violations: Violation[] = [];
  for (const line of deliveries) {
    const what = `${line.webhook_id}, ${line.type} to ${line.url},`;
    const record = redis.records.get(line.subject ?? '');
    const kept = record?.history[0]?.sequence ?? 0;
    if (!line.verified) violations.push(inGeneral('I5', `${what} is signed wrongly`));
    if (redisMayForget(evidence)) continue;
    if (!urls.has(line.url)) violations.push(inGeneral('I5', `${what} came, and nobody named that URL`));
    else if (record && (line.sequence ?? 0) >= kept && !asked.has(keyOf(asAsked(line)))) {
      violations.push(against(evidence, 'I5', record.id, `${what} came, and nobody asked for it`));
    }
  }
  return violations;
}

/** One id for an event and URL, one event for an id, and the same bytes whenever it is sent. */
function ids(evidence: Evidence): Violation[] {
  const { deliveries } = evidence;
  const idOf = new Map<string, string>();
  const firstOf = new Map<string, DeliveryLine>();
  const violations: Violation[] = [];
  for (const line of deliveries) {
    const event = keyOf(asAsked(line));
    const id = idOf.get(event) ?? line.webhook_id;
    idOf.set(event, id);
    if (line.subject !== null && line.sequence !== null && id !== line.webhook_id) {
      violations.push(
        against(evidence, 'I5', line.subject, `${line.type} came to ${line.url} as ${id} and ${line.webhook_id}`),
      );
    }
    const first = firstOf.get(line.webhook_id) ?? line;
    firstOf.set(line.webhook_id, first);
    // What Redis forgot and did again happened at another time.
    if (first.sha256 !== line.sha256 && !redisMayForget(evidence)) {
      violations.push(inGeneral('I5', `${line.webhook_id} came with other bytes than before`));
    }
  }
  return violations;
}

/** What was asked for and did not come, or is said to have come. */
function untold(evidence: Evidence): Violation[] {
  const { redis, deliveries } = evidence;
  const taken = deliveries.filter(({ answered }) => answered !== null && answered >= 200 && answered < 300);
  // Where Redis forgets a step, what it takes again is the same event at another place of the history.
  const nameOf = (asked: Parameters<typeof keyOf>[0]) =>
    keyOf(redisMayForget(evidence) ? { ...asked, sequence: 0 } : asked);
  const came = new Set(taken.map((line) => nameOf(asAsked(line))));
  const deliveriesIn = [...redis.hashes].filter(([name]) => name.startsWith('d:')).map(([, hash]) => hash);
  const ended = new Set(
    deliveriesIn
      .filter(({ status }) => status === 'failed' || status === 'canceled')
      .map(({ subject, type, url }) => `${subject} ${type} ${url}`),
  );
  const goneAt = Map.groupBy(
    deliveries.filter(({ answered }) => answered === 410),
    ({ url }) => url,
  );
  const violations = askedFor(evidence)
    .filter((asked) => !came.has(nameOf(asked)))
    .filter((asked) => {
      const gone = goneAt.get(asked.url) ?? [];
      const endedByIt = ended.has(`${asked.id} ${asked.type} ${asked.url}`);
      return !(endedByIt && gone.some(({ at }) => Date.parse(at) + CLOCK_MS >= asked.atMs)) && !isSilenced(asked, gone);
    })
    .map(({ id, type, sequence, url }) =>
      against(evidence, 'I5', id, `${type} (sequence ${sequence}) never came to ${url}`),
    );
  const whole = new Set(taken.filter((line) => line.whole).map(({ webhook_id: id, url }) => `${id} ${url}`));
  for (const { event, url, status, type } of deliveriesIn) {
    if (status !== 'succeeded' || whole.has(`${event} ${url}`)) continue;
    violations.push(inGeneral('I5', `${event}, ${type} to ${url}, is said to be delivered and did not come`));
  }
  return violations;

  /** An endpoint that said 410 is told nothing until somebody enables it: the first event after that ends it. */
  function isSilenced({ endpoint, url, atMs }: Asked, gone: readonly DeliveryLine[]): boolean {
    if (endpoint === null) return false;
    return gone.some(({ at }) => {
      const saidMs = Date.parse(at);
      const heardAgain = deliveries.some((line) => {
        const eventMs = Date.parse(line.event_at);
        return line.url === url && eventMs > saidMs && eventMs < atMs;
      });
      return saidMs <= atMs + CLOCK_MS && !heardAgain;
    });
  }
}

function asAsked({ subject, type, sequence, url }: DeliveryLine) {
  return { id: subject ?? '', type, sequence: sequence ?? 0, url };
}

function keyOf({ id, type, sequence, url }: Pick<Asked, 'id' | 'type' | 'sequence' | 'url'>): string {
  return `${id} ${type} ${sequence} ${url}`;
}
