const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const FRAME_MS = 100;
const STILL_MS = 10_000;

/**
 * Shows steps and how long they take while they run: one line that is redrawn on a terminal, plain lines elsewhere.
 *
 * @param {NodeJS.WriteStream | { write(text: string): unknown, isTTY?: boolean, columns?: number }} out
 */
export function createReport(out) {
  const live = out.isTTY === true && process.env.TERM !== 'dumb';
  const colour = live && !process.env.NO_COLOR;
  const paint = (code, text) => (colour ? `\u001b[${code}m${text}\u001b[0m` : text);
  const seconds = (from) => `${((performance.now() - from) / 1000).toFixed(1)} s`;
  let drawn = '';

  const clear = () => {
    if (drawn !== '') out.write('\r\u001b[K');
    drawn = '';
  };
  /** One line that the next output replaces; nothing where lines cannot be redrawn. */
  const draw = (line) => {
    if (!live) return;
    drawn = line.slice(0, (out.columns || 80) - 1);
    out.write(`\r\u001b[K${drawn}`);
  };
  const say = (line = '') => {
    const below = drawn;
    clear();
    out.write(`${line}\n`);
    if (below !== '') draw(below);
  };

  return {
    live,
    say,
    draw,
    clear,
    bold: (text) => paint('1', text),
    dim: (text) => paint('2', text),

    /**
     * Runs one step. `work` may return text that is shown behind the step's name.
     *
     * @template T
     * @param {string} name
     * @param {() => Promise<T>} work
     * @returns {Promise<T>}
     */
    async step(name, work) {
      const began = performance.now();
      let frame = 0;
      if (!live) say(`${name} ...`);
      const tick = live
        ? () => draw(`${FRAMES[frame++ % FRAMES.length]} ${name} ${seconds(began)}`)
        : () => say(`${name} ... ${seconds(began)} so far`);
      if (live) tick();
      const timer = setInterval(tick, live ? FRAME_MS : STILL_MS);
      try {
        const value = await work();
        clearInterval(timer);
        clear();
        const detail = typeof value === 'string' && value !== '' ? `: ${value}` : '';
        say(`${paint('32', live ? '✓' : 'ok')} ${name}${detail} ${paint('2', `(${seconds(began)})`)}`);
        return value;
      } catch (error) {
        clearInterval(timer);
        clear();
        say(`${paint('31', live ? '✗' : 'failed')} ${name} ${paint('2', `(${seconds(began)})`)}`);
        throw error;
      }
    },
  };
}
