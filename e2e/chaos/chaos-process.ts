import { join } from 'node:path';
import { type Exit, startProcess, type TestProcess } from '@songmill/shared/testing/processes';
import { type FaultProxy, startProxy } from '@songmill/shared/testing/tcp-proxy';
import { giveOrder, ORDERS_FILE } from './crash-orders.ts';
import type { ChaosProcess } from './types.ts';

export interface ProcessPlan {
  readonly kind: 'api' | 'worker';
  readonly name: string;
  /** Script to run, from the project's root. */
  readonly main: string;
  /** Settings of the run, over which come the process's own wire and its place for orders. */
  readonly env: Readonly<Record<string, string>>;
  /** Where Redis really is. */
  readonly redisUrl: string;
  /** Folder of the run. */
  readonly data: string;
  /** The worker id that a process with this pid has, or null. */
  readonly workerIdOf: (pid: number) => Promise<string | null>;
}

/** An end that nobody of the suite asked for. */
export interface UnaskedEnd extends Exit {
  readonly name: string;
  readonly at: string;
}

/** A process of the suite, and what the suite needs to be rid of it. */
export interface OwnProcess extends ChaosProcess {
  /** Ends of it that nobody asked for, e.g. a crash by a bug. */
  readonly unaskedEnds: readonly UnaskedEnd[];
  /** Ends it and its wire for good. */
  remove(): Promise<void>;
}

/** Makes a process that can be started; it is not started yet. */
export async function prepareProcess(plan: ProcessPlan): Promise<OwnProcess> {
  const proxy: FaultProxy = await startProxy({ to: plan.redisUrl });
  const label = plan.name.replaceAll(' ', '-');
  const orders = join(plan.data, 'orders', `${label}.json`);
  const workerIds: string[] = [];
  const unaskedEnds: UnaskedEnd[] = [];
  let running: TestProcess | null = null;
  let starting: Promise<void> | null = null;
  // An API that comes back has its old address, as behind any load balancer.
  let port = '0';
  let url: string | null = null;
  let asked = false;

  async function start(env: Readonly<Record<string, string>>): Promise<void> {
    const started = await startProcess({
      name: plan.name,
      main: plan.main,
      log: join(plan.data, 'logs', `${label}.log`),
      env: {
        ...plan.env,
        REDIS_URL: proxy.url,
        ...(plan.kind === 'api' ? { API_PORT: port } : { [ORDERS_FILE]: orders, UV_THREADPOOL_SIZE: '16' }),
        ...env,
      },
    });
    running = started;
    url = started.url;
    asked = false;
    if (plan.kind === 'api') port = new URL(url).port;
    void started.exited.then((exit) => {
      if (running === started) running = null;
      // By SIGKILL dies who was told to, at a crash point too; nothing kills itself that way by mistake.
      if (!asked && exit.signal !== 'SIGKILL')
        unaskedEnds.push({ name: plan.name, at: new Date().toISOString(), ...exit });
    });
    const id = plan.kind === 'worker' ? await plan.workerIdOf(started.pid) : null;
    if (id !== null) workerIds.push(id);
  }

  const self: OwnProcess = {
    kind: plan.kind,
    name: plan.name,
    proxy,
    workerIds,
    unaskedEnds,
    get url() {
      return url;
    },
    get process() {
      return running;
    },
    async kill(signal = 'SIGKILL') {
      if (signal !== 'SIGSTOP' && signal !== 'SIGCONT') asked = true;
      await running?.kill(signal);
    },
    async stop() {
      asked = true;
      const exit = await running?.stop();
      if (exit === undefined) throw new Error(`${plan.name} is not running`);
      return exit;
    },
    async start(env = {}) {
      if (running !== null) return;
      starting ??= start(env).finally(() => (starting = null));
      await starting;
    },
    async crashAt(order) {
      if (plan.kind !== 'worker') throw new Error('only workers have crash points');
      return giveOrder(orders, order, running?.exited ?? Promise.resolve());
    },
    async remove() {
      await self.kill('SIGKILL');
      await proxy.stop();
    },
  };
  return self;
}
