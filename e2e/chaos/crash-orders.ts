import { appendFileSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type { ArmedCrash, CrashOrder, CrashPoint } from './types.ts';

/**
 * How the suite tells a running worker where to die: by a file that the worker looks for at each crash point, so that
 * an order reaches a worker whatever its wires are like. The worker writes what it did into a second file beside it,
 * before it does it.
 */
interface OrderFile extends CrashOrder {
  /** Of this order; what was done names it. */
  readonly order: string;
}

/** Name of the setting that tells a worker of the suite where its orders are. */
export const ORDERS_FILE = 'SONGMILL_CHAOS_ORDERS';

let serial = 0;

/** Puts an order where the worker finds it. `ended` is the end of that worker's process. */
export function giveOrder(path: string, order: CrashOrder, ended: Promise<unknown>): ArmedCrash {
  serial += 1;
  const name = `${process.pid}-${serial}`;
  const text = JSON.stringify({ ...order, order: name } satisfies OrderFile);
  writeFileSync(`${path}.new`, text);
  renameSync(`${path}.new`, path);
  const over = new AbortController();
  const takeBack = () => {
    over.abort();
    if (readOrder(path)?.order === name) rmSync(path, { force: true });
  };
  const watch = async (): Promise<string | null> => {
    while (!over.signal.aborted) {
      const done = doneOf(path, name);
      if (done !== null) return done;
      await delay(10);
    }
    // Done between the last look and the end.
    return doneOf(path, name);
  };
  void ended.then(takeBack, takeBack);
  return {
    fired: watch(),
    async disarm() {
      takeBack();
    },
  };
}

/** The worker's side: what `startWorker` calls at each crash point. Dies or throws when it has the order to. */
export function obeyOrders(path: string): (point: CrashPoint, id: string) => void {
  return (point, id) => {
    const order = readOrder(path);
    if (order === null || order.point !== point || (order.id !== undefined && order.id !== id)) return;
    const left = (order.times ?? 1) - 1;
    if (left > 0 && order.how === 'throw') writeFileSync(path, JSON.stringify({ ...order, times: left }));
    else rmSync(path, { force: true });
    appendFileSync(`${path}.done`, `${JSON.stringify({ order: order.order, point, id })}\n`);
    process.stdout.write(`${JSON.stringify({ msg: 'crash point', point, how: order.how, generation_id: id })}\n`);
    if (order.how === 'kill') process.kill(process.pid, 'SIGKILL');
    throw new Error(`the suite throws at ${point}`);
  };
}

function readOrder(path: string): OrderFile | null {
  try {
    // Looked for first: a file that is absent costs an exception, and there is none nearly always.
    return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as OrderFile) : null;
  } catch {
    // Taken back or half rewritten meanwhile: it counts as not there.
    return null;
  }
}

/** The generation that the order was carried out on, or null. */
function doneOf(path: string, name: string): string | null {
  if (!existsSync(`${path}.done`)) return null;
  for (const line of readFileSync(`${path}.done`, 'utf8').split('\n')) {
    if (line === '') continue;
    const done = JSON.parse(line) as { order: string; id: string };
    if (done.order === name) return done.id;
  }
  return null;
}
