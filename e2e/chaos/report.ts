import type { Machine } from '@songmill/shared/testing/machine';
import type { Kept, KeptRow, KeptRun } from './last.ts';

/** The page `docs/reliability.md`, from everything that is kept. */
export function reliabilityPage(kept: Kept): string {
  const runs = Object.values(kept.runs).toSorted((a, b) => a.seed - b.seed);
  const rows = Object.values(kept.rows).toSorted((a, b) => inOrder(a) - inOrder(b));
  const machines = new Set([...runs, ...rows].map(({ machine }) => describe(machine)));
  return `# What was broken, and what came of it

Written by \`npm run chaos -- --report\`; do not edit. The suite runs the shipped build: two API processes, four workers, a real Redis that syncs every write (\`appendfsync always\`), each process on a wire to it that can be cut, and the simulated upstream, which writes down what it bills before it answers. Clients post songs, lose answers, ask again with the same key, cancel, retry, resolve, read and download, and receivers are told how every song ends, while processes are killed and frozen, wires cut, Redis, storage and upstream taken away, and the receivers fail in every way. A fault counts only when its effect was seen.

Afterwards a checker that asks none of our processes joins what the clients saw with Redis, storage, the workers' spools and the upstream's ledger: every accepted song settled in one state, none published twice, every call of the upstream on record with what it cost, no run over its limits, every event told to whoever asked for it, signed, with one id and the same bytes at each attempt, every index and counter as counted anew, no stray file, no secret anywhere. It is itself tested with forged runs, to each of which it must object (\`npm run chaos -- --checker-self-test\`).

## Everything at once

${table(
  [
    'seed',
    'songs',
    'effective faults',
    'lost',
    'published twice',
    'calls without a record',
    'calls per song',
    'attempts with charge unknown',
    'billed more than once',
    'webhooks asked for',
    'received',
    'recovery p50',
    'recovery p99',
    'minutes',
    'result',
  ],
  runs.map(runCells),
)}

Calls per song: failures and refusals that the simulated upstream is told to make by itself (about a fifth of the songs) count too. An attempt with charge unknown is a call whose answer never came; it may have been billed, and the record says so. Songs billed more than once are those whose first, billed call gave no song or lost it with its worker: each call is on record, and no run has more of them than its limit. Recovery: from the end of a fault until the songs that it hit had settled or, when it hit none by name, until the next one succeeded.

${table(
  ['seed', 'how the songs ended', 'effective faults by row'],
  runs.map((run) => [String(run.seed), counts(run.figures?.by_status ?? {}), counts(run.rows)]),
)}

## Each row by itself

${table(
  ['row', 'what is broken', 'result', 'seen'],
  rows.map((row) => [row.row, row.title, resultOf(row), row.skipped ?? row.seen.join('; ')]),
)}

## Where

${table(
  ['what', 'when', 'commit'],
  [...grouped(runs, (run) => `seed ${run.seed}`), ...grouped(rows, ({ row }) => row)],
)}

A \`+\` after a commit: files differed from it.

${[...machines].join('\n')}
`;
}

function runCells(run: KeptRun): string[] {
  const { figures } = run;
  return [
    String(run.seed),
    run.songs.toLocaleString('en'),
    `${run.effective} of ${run.injected} injected`,
    String(figures?.lost ?? '?'),
    String(figures?.double_published ?? '?'),
    String(figures?.calls_without_record ?? '?'),
    figures?.calls_per_generation.toFixed(3) ?? '?',
    String(figures?.attempts_charge_unknown ?? '?'),
    String(run.billed_again),
    String(figures?.webhooks_asked_for ?? '?'),
    String(figures?.webhooks_received ?? '?'),
    seconds(run.recovery_ms.p50),
    seconds(run.recovery_ms.p99),
    run.minutes.toFixed(1),
    run.failures.length === 0 ? 'passed' : `FAILED: ${run.failures[0]!.split('\n')[0]}`,
  ];
}

function resultOf(row: KeptRow): string {
  if (row.skipped !== undefined) return 'skipped';
  return row.passed ? 'passed' : 'FAILED';
}

/** Results of one commit and hour on one line. */
function grouped<T extends { readonly at: string; readonly commit: string }>(
  all: readonly T[],
  nameOf: (each: T) => string,
): string[][] {
  const groups = Map.groupBy(all, ({ at, commit }) => `${at.slice(0, 13)} ${commit}`);
  return [...groups.values()].map((each) => [
    [...new Set(each.map(nameOf))].join(', '),
    each[0]!.at,
    `\`${each[0]!.commit}\``,
  ]);
}

/** W, A, R, U, S, H, C, D as in the matrix, then the rest. */
function inOrder({ row }: KeptRow): number {
  const family = 'WARUSHCDX'.indexOf(row[0] ?? '');
  return (family < 0 ? 100 : family) * 100 + Number(row.slice(1));
}

function counts(by: Readonly<Record<string, number>>): string {
  return Object.entries(by)
    .toSorted(([a], [b]) => a.localeCompare(b, 'en', { numeric: true }))
    .map(([name, count]) => `${name} ${count.toLocaleString('en')}`)
    .join(', ');
}

function seconds(ms: number | null): string {
  return ms === null ? '?' : `${(ms / 1000).toFixed(1)} s`;
}

function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return 'Nothing was run yet.';
  const cells = (texts: readonly string[]) =>
    `| ${texts.map((text) => text.replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`;
  return [cells(heads), cells(heads.map(() => '---')), ...rows.map(cells)].join('\n');
}

function describe(machine: Machine): string {
  return `Machine: ${machine.cpu}, ${machine.cores} cores, ${machine.memory}, ${machine.kernel}, ${machine.disk}; Node ${machine.node}, Redis ${machine.redis}. Everything runs on it: clients, processes, Redis and upstream.`;
}
