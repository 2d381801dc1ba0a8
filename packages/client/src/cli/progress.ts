import type { Io } from './io.ts';
import { plain } from './output.ts';

/** Says on stderr how far something is: one line that changes on a terminal, plain lines elsewhere. */
export interface Progress {
  show(text: string): void;
  /** Ends the changing line; may be called twice. */
  done(): void;
}

/** Elsewhere than on a terminal, a line at most this often. */
const PLAIN_EVERY_MS = 5000;

export function createProgress(
  { stderr }: Pick<Io, 'stderr'>,
  now: () => number = performance.now.bind(performance),
): Progress {
  let shown = '';
  let waiting = '';
  let lastMs = Number.NEGATIVE_INFINITY;
  const line = (text: string) => void stderr.write(`${text}\n`);
  if (stderr.isTTY) {
    return {
      show(text) {
        shown = [...plain(text).replaceAll('\n', ' ')].slice(0, Math.max(20, (stderr.columns ?? 80) - 1)).join('');
        stderr.write(`\r\u001b[2K${shown}`);
      },
      done() {
        if (shown !== '') stderr.write('\n');
        shown = '';
      },
    };
  }
  return {
    show(text) {
      const next = plain(text);
      if (next === shown) return;
      if (now() - lastMs < PLAIN_EVERY_MS) {
        waiting = next;
        return;
      }
      lastMs = now();
      waiting = '';
      shown = next;
      line(next);
    },
    done() {
      if (waiting !== '' && waiting !== shown) line(waiting);
      waiting = '';
    },
  };
}

/** `2 h 5 min`, `40 s`. */
export function spanOf(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 90) return `${whole} s`;
  const minutes = Math.round(whole / 60);
  return minutes < 90 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** `[#####.....]` */
export function barOf(done: number, total: number, width = 24): string {
  const full = total === 0 ? width : Math.floor((done / total) * width);
  return `[${'#'.repeat(full)}${'.'.repeat(width - full)}]`;
}
