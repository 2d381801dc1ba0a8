import type { MixedRun } from './mixed-run.ts';
import { percentile } from './recovery.ts';

/** What a run came to, for a terminal. */
export function runText(run: MixedRun): string {
  const effective = run.injected.filter((each) => each.effective).length;
  const { tookMs, verdict } = run;
  const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`;
  const recovery = (share: number) => {
    const ms = percentile(run.recoveryMs, share);
    return ms === null ? 'unknown' : seconds(ms);
  };
  const lines = [
    `seed ${run.seed}: ${run.jobs} songs, ${effective} effective faults of ${run.injected.length} injected`,
    `  time: start ${seconds(tookMs.start)}, load ${seconds(tookMs.load)} (${(run.jobs / (tookMs.load / 1000)).toFixed(1)} songs/s), rest ${seconds(tookMs.rest)}, check ${seconds(tookMs.check)}`,
    `  broken: ${byRow(run)
      .map(({ row, effective: count }) => `${row} ${count}x`)
      .join(', ')}`,
    `  recovery: p50 ${recovery(0.5)}, p99 ${recovery(0.99)}`,
    `  longest kinds: ${longestKinds(run).join(', ')}`,
  ];
  if (verdict !== null) {
    const { figures } = verdict;
    lines.push(
      `  accepted ${figures.accepted}: ${Object.entries(figures.by_status)
        .map(([status, count]) => `${count} ${status}`)
        .join(', ')}`,
      `  lost ${figures.lost}, published twice ${figures.double_published}, calls without a record ${figures.calls_without_record}, billed more than once (on record) ${run.billedAgain}`,
      `  ${figures.ledger_calls} calls, ${figures.ledger_charges} billed, ${figures.calls_per_generation.toFixed(3)} calls per song; attempts with charge unknown ${figures.attempts_charge_unknown}, spares ${figures.spares}`,
      `  ${figures.webhooks_asked_for} webhooks asked for, ${figures.webhooks_received} received, repeated ones included`,
    );
  }
  lines.push(
    ...run.failures.slice(0, 40).map((failure) => `  FAILED: ${failure}`),
    ...(run.failures.length > 40 ? [`  … and ${run.failures.length - 40} more`] : []),
  );
  lines.push(run.kept === null ? '  passed' : `  everything of this run is kept in ${run.kept}`);
  return lines.join('\n');
}

/** Where the time of the faults went. */
function longestKinds(run: MixedRun): string[] {
  return byRow(run)
    .toSorted((a, b) => b.ms - a.ms)
    .slice(0, 6)
    .map(({ row, ms, count }) => `${row} ${count}x ${(ms / count / 1000).toFixed(1)} s`);
}

function byRow({ injected }: MixedRun): { row: string; ms: number; count: number; effective: number }[] {
  return [...Map.groupBy(injected, ({ row }) => row)]
    .map(([row, all]) => ({
      row,
      ms: all.reduce((sum, { took_ms: ms }) => sum + ms, 0),
      count: all.length,
      effective: all.filter((each) => each.effective).length,
    }))
    .toSorted((a, b) => a.row.localeCompare(b.row, 'en', { numeric: true }));
}
