import { ALLOWED } from './gate.ts';
import type { Kept, KeptResult } from './last.ts';
import type { Machine } from '@songmill/shared/testing/machine';
import { FULL } from './plan.ts';
import { ENDPOINTS, EVENT_EVERY_MS } from './rows/dead-endpoint.ts';
import { MOST_TO_ONE } from './rows/webhooks.ts';
import { type Result, ROWS } from './result.ts';
import type { Spread } from './rounds.ts';
import { SAMPLE_REQUEST } from './sample.ts';

/** The page `docs/benchmarks.md`, from everything that is kept. */
export function benchmarksPage(kept: Kept): string {
  const results = ROWS.flatMap((name) => Object.values(kept).filter((result) => result.row === name));
  const machines = [...new Map(results.map((result) => [JSON.stringify(result.machine), result.machine])).values()];
  return `# Benchmarks

Written by \`npm run bench\`; do not edit. Each speed is held against a floor: the least code that does the same work without what makes it safe, measured in the same run, on the same machine, in turns with ours. Other work on the machine moves both, so the ratio is what counts.

${table(['what', 'floor', 'Songmill', 'ratio', 'ratio by round', 'processor time', 'aim', 'reached'], results.map(row))}

Numbers without a unit are per second; all but those of Redis' memory and of estimates are the median of ${FULL.rounds} rounds, or as many as are named below. The ratio of answers in memory is the floor over ours; of the other amounts it is the aim over what was measured. Processor time is what server and Redis together use for one request or song, floor → Songmill; other work on the machine moves it less than the rates where little waits for the disk.

## What was measured

- **Accepting**: one API process, every default, log level \`info\`, no worker; ${FULL.acceptSeconds} s a round from an own process (autocannon); Redis emptied before each round. Without workers BullMQ's window takes the first 20 pointers and all others wait in \`ready\`, as in any backlog.
- **Finishing**: ${FULL.finishCount.toLocaleString('en')} generations accepted first, then one worker starts, with \`UPSTREAM_RATE_PER_MINUTE=0\`, \`UPSTREAM_MAX_CONCURRENCY=0\` and \`WORKER_CONCURRENCY=50\`; measured from one tenth done to all done. The upstream is a canned one that answers every call at once with the same valid song, for floor and Songmill alike: the simulator writes and syncs a ledger before each answer, and would be what is measured. Every round checks that there are as many commit files and calls as generations.
- **Redis memory**: ${FULL.weighCount.toLocaleString('en')} generations with lyrics of ${SAMPLE_REQUEST.lyrics.length} characters, a custom id and two pairs of metadata, without connections, buffers and the event stream, which is capped.
- **Answers in memory**: ${FULL.answerCount} calls by the worker's own client in a process with 96 MB of heap; nobody is answered before all have asked. What is told is the highest resident memory above that before the calls; the songs are written to files, and every one is checked by its digest. The floor has no limit of heap.
- **Calls in flight**: ${FULL.callCount.toLocaleString('en')} generations for one worker with as many slots, and an upstream that answers nobody before all calls are there. What is told is the highest resident memory of the worker above that of the same worker idle; then all are answered and must succeed.
- **First byte**: ${FULL.firstByteCount} songs a round, each posted to an idle system; from sending the \`POST\` until the head of the worker's call is at the upstream. The floor is a PING of the same Redis.
- **First webhook**: as for the first byte, each song with a URL of its own that is told when it succeeded; from \`finished_at\` until the head of the webhook is at the receiver, which is a process that answers 204 at once.
- **Webhooks**: ${FULL.deliveryCount.toLocaleString('en')} events of one project are owed to one endpoint before the worker starts; measured from one tenth taken to all taken. The floor is a process that sends the same bodies over as many connections as a worker uses for one endpoint at most (${MOST_TO_ONE}), kept open or, as ours, one for each request: a worker looks each address up and judges it anew. Every round checks that each delivery is noted as succeeded.
- **A dead endpoint**: ${FULL.deadEvents} events, one each ${EVENT_EVERY_MS} ms, are told to ${ENDPOINTS} endpoints of one project; the p99, over all others, of the time from an event to its webhook's arrival, when one endpoint never answers and when all do. Medians of ${FULL.deadRounds} runs of each, in turns, each with a worker that has just started and knows of nobody that it is dead.
- **Estimates**: ${FULL.estimateCount} songs of two projects on three slots at the simulator, made a hundred times as fast as real ones; all estimates are read during a pause that the upstream asks for, and held against the start of the call. Each error is in percent of the time that was left to wait. How long each song takes is drawn anew in every run, so there is no ratio for a gate.

Redis writes an append-only log with \`appendfsync everysec\`, unless a row says \`always\` (what \`npm start\` and the compose file use). A run fails only when a ratio falls below ${ALLOWED} of the last committed one (\`bench/last.json\`).

## Where

${table(
  ['when', 'commit', 'rows', 'load average before', 'machine'],
  runsOf(results).map(({ first, ids }) => [
    first.at,
    `\`${first.commit}\``,
    ids.join(', '),
    first.loadBefore.toFixed(1),
    machines.length > 1 ? `machine ${machines.findIndex((one) => same(one, first.machine)) + 1}` : 'below',
  ]),
)}

A \`+\` after a commit: files differed from it. A load average near or above the number of cores: others used the machine too, and rates and ratios of that run are rough.

${machines.map((machine, index) => describe(machine, machines.length > 1 ? index + 1 : null)).join('\n')}
`;
}

/** One result on one line, for the terminal. */
export function resultLine(result: Result): string {
  const floor = result.floor === null ? '' : `floor ${number(result.floor.median)}, `;
  const ratio = result.ratio === null ? '' : `, ratio ${result.ratio.median.toFixed(2)}${bounds(result.ratio)}`;
  const aim = result.aim === null ? '' : `, aim ${result.aim}${result.reached ? '' : ' (not reached)'}`;
  const { cpuMicros } = result;
  const cpu = cpuMicros === null ? '' : `, processor ${number(cpuMicros.floor)} → ${number(cpuMicros.ours)} µs`;
  return `${result.id}: ${result.what.replaceAll('`', '')}: ${floor}Songmill ${number(result.ours.median)} ${result.unit}${ratio}${cpu}${aim}`;
}

function row(result: KeptResult): string[] {
  return [
    `${result.what} (\`${result.id}\`)`,
    result.floor === null ? '' : `${withUnit(result.floor.median, result.unit)}: ${result.floorIs}`,
    withUnit(result.ours.median, result.unit),
    result.ratio === null ? '' : `**${result.ratio.median.toFixed(2)}**`,
    result.ratio === null || result.ratio.lowest === result.ratio.highest ? '' : ends(result.ratio),
    result.cpuMicros === null ? '' : `${number(result.cpuMicros.floor)} → ${number(result.cpuMicros.ours)} µs`,
    result.aim ?? '',
    result.reached === null ? '' : result.reached ? 'yes' : 'not yet',
  ];
}

function runsOf(results: readonly KeptResult[]): { first: KeptResult; ids: string[] }[] {
  const runs = new Map<string, { first: KeptResult; ids: string[] }>();
  for (const result of results) {
    const run = runs.get(result.at) ?? { first: result, ids: [] };
    run.ids.push(`\`${result.id}\``);
    runs.set(result.at, run);
  }
  return [...runs.values()];
}

function describe(machine: Machine, index: number | null): string {
  const { cpu, cores, memory, kernel, disk, node, redis } = machine;
  const name = index === null ? 'Machine' : `Machine ${index}`;
  return `${name}: ${cpu}, ${cores} cores, ${memory}, ${kernel}, ${disk}; Node ${node}, Redis ${redis}. Everything runs on it: load generator, servers, Redis and upstream.`;
}

function same(one: Machine, other: Machine): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

function bounds(spread: Spread): string {
  return spread.lowest === spread.highest ? '' : ` (${ends(spread)})`;
}

function ends(spread: Spread): string {
  return `${spread.lowest.toFixed(2)} to ${spread.highest.toFixed(2)}`;
}

/** Speeds stand without one. */
function withUnit(value: number, unit: Result['unit']): string {
  return unit === 'per second' ? number(value) : `${number(value)} ${unit}`;
}

/** Whole, or with two digits that say something when it is small. */
function number(value: number): string {
  return value < 10
    ? value.toLocaleString('en', { maximumSignificantDigits: 2 })
    : Math.round(value).toLocaleString('en');
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [head, head.map(() => '---'), ...rows];
  return lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}
