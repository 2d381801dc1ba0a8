import path from 'node:path';

/**
 * The songs with their lengths, and what was billed for them.
 *
 * @param {import('./sample.mjs').Sampled[]} sampled
 * @param {{ from: string, ledger: number | null }} options `from`: the folder paths are shown from; `ledger`: charges
 *   that the simulator wrote down meanwhile, null on the real upstream
 * @returns {string[]} lines
 */
export function summarise(sampled, { from, ledger }) {
  const width = Math.max(...sampled.map(({ name }) => name.length));
  const songs = sampled.map(({ name, generation, file }) => {
    if (file === null) {
      const { code = 'no reason', message = '' } = generation.error ?? {};
      return `  ${name.padEnd(width)}  ${generation.status}: ${code}${message === '' ? '' : ` (${message})`}`;
    }
    const length = `${(generation.result.duration_ms / 1000).toFixed(1)} s`;
    return `  ${name.padEnd(width)}  ${length.padStart(7)}  ${path.relative(from, file)}`;
  });
  return [...songs, '', billed(sampled, ledger)];
}

/** From the records, which keep every attempt that has a charge; beside it the upstream's own count where there is one. */
function billed(sampled, ledger) {
  const attempts = sampled.flatMap(({ generation }) => generation.attempts);
  const charged = attempts.filter(({ charge }) => charge === 'charged').length;
  const unknown = attempts.filter(({ charge }) => charge === 'unknown').length;
  const made = sampled.filter(({ file }) => file !== null).length;
  const maybe = unknown === 0 ? '' : ` and ${unknown} more that may have been`;
  const own = `billed: ${charged} calls${maybe}, for ${made} songs`;
  return ledger === null ? own : `${own}; the simulator's ledger says ${ledger} (no real money)`;
}
