const BAR = 24;
const PLAIN_EVERY_MS = 2000;

/**
 * How far the sample is: one line that is redrawn on a terminal; elsewhere a line for the start, and then at most one
 * every two seconds and only when something has changed.
 *
 * @param {ReturnType<import('./report.mjs').createReport>} report
 * @param {number} total
 */
export function showProgress(report, total) {
  let told = '';
  let toldAt = Number.NEGATIVE_INFINITY;
  return {
    /** @param {{ succeeded: number, failed: number, processing: number, waiting: number, why: string | null }} counts */
    update(counts) {
      const line = describe(counts, total);
      if (report.live) {
        const done = Math.round((BAR * (counts.succeeded + counts.failed)) / total);
        report.draw(`${'█'.repeat(done)}${'░'.repeat(BAR - done)} ${line}`);
      } else if (line !== told && performance.now() - toldAt >= PLAIN_EVERY_MS) {
        told = line;
        toldAt = performance.now();
        report.say(line);
      }
    },
    end: () => report.clear(),
  };
}

function describe({ succeeded, failed, processing, waiting, why }, total) {
  const parts = [`${succeeded} of ${total} songs`];
  if (failed > 0) parts.push(`${failed} not made`);
  if (processing > 0) parts.push(`${processing} being made`);
  if (waiting > 0) parts.push(`${waiting} waiting${why === null ? '' : ` (${why})`}`);
  return parts.join(', ');
}
