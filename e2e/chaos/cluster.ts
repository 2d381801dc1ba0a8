import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { keysOf } from '@songmill/shared/runtime/records/keys';
import type { AboutWorker } from '@songmill/shared/runtime/records/workers';
import { connectRedis } from '@songmill/shared/runtime/redis';
import { mustBeEnded } from '@songmill/shared/testing/leftovers';
import { startProcess, type TestProcess } from '@songmill/shared/testing/processes';
import { startRedis, type TestRedisOptions } from '@songmill/shared/testing/redis';
import { simulatorControl } from '../testing/simulator-control.ts';
import { type OwnProcess, prepareProcess, type UnaskedEnd } from './chaos-process.ts';
import { type OwnReceiver, startReceiver } from './receiver.ts';
import { tellReceiver } from './told.ts';
import type { ChaosSystem } from './types.ts';

const API_MAIN = 'packages/api/dist/main.js';
const WORKER_MAIN = 'e2e/chaos/worker-with-crash-points.ts';

/** Minutes become seconds, so that a lease runs out and a backlog is worked off while the suite looks on. */
const SHRUNKEN: Readonly<Record<string, string>> = {
  UPSTREAM_RATE_PER_MINUTE: '0',
  UPSTREAM_MAX_CONCURRENCY: '16',
  UPSTREAM_TIMEOUT_MS: '6000',
  // Together little more than may run at once, so that every worker has its share and each can be hit.
  WORKER_CONCURRENCY: '6',
  WORKER_LEASE_MS: '3000',
  SHUTDOWN_GRACE_MS: '8000',
  RETRY_BASE_MS: '10',
  RETRY_MAX_MS: '1000',
  ACCOUNT_PROBE_MS: '300',
  STORAGE_MIN_FREE_BYTES: '0',
  LOG_LEVEL: 'info',
  WEBHOOK_ALLOW: '127.0.0.1/32',
  WEBHOOK_TIMEOUT_MS: '1000',
  WEBHOOK_SCHEDULE_MS: Array(50).fill(60).join(','),
};

const WORKER_ID_MS = 2000;

export interface ChaosOptions {
  readonly apis?: number;
  readonly workers?: number;
  /** Settings of API and workers, over the shrunken ones. */
  readonly env?: Readonly<Record<string, string>>;
  readonly redis?: TestRedisOptions;
  /** Every duration of the simulator is multiplied by it: 0.015, the default, makes a 45 s song in 675 ms. */
  readonly timeScale?: number;
  /** About this many bytes a song. */
  readonly songBytes?: number;
  /** Whether an endpoint is told how every generation ends; it is unless this is false. */
  readonly told?: boolean;
}

/** What the suite knows of its own system beyond what faults may touch. */
export interface OwnChaosSystem extends ChaosSystem {
  readonly receiver: OwnReceiver;
  readonly apis: readonly OwnProcess[];
  readonly workers: readonly OwnProcess[];
  readonly apiKey: string;
  /** What must never be read anywhere. */
  readonly secrets: readonly string[];
  readonly unaskedEnds: () => readonly UnaskedEnd[];
}

/** Starts everything; resolves when every process listens. */
export async function openChaosSystem(options: ChaosOptions = {}): Promise<OwnChaosSystem> {
  const data = await mkdtemp(join(tmpdir(), 'sgm-chaos-'));
  const ended = mustBeEnded(`folder ${data}`, () => rmSync(data, { recursive: true, force: true }));
  await Promise.all(['logs', 'orders'].map((folder) => mkdir(join(data, folder))));
  const redis = await startRedis({ appendfsync: 'always', ...options.redis });
  const mark = randomBytes(12).toString('hex');
  const canaries = { apiKey: `sgm_canary_api_${mark}`, upstreamKey: `canary-upstream-${mark}` };
  await writeFile(join(data, 'canaries.json'), JSON.stringify(Object.values(canaries)));

  let simulator: TestProcess = await startSimulator('0');
  const { url: simulatorUrl } = simulator;
  const sim = simulatorControl(simulatorUrl);
  const configured = { song_bytes: options.songBytes ?? 16_384 };
  await sim.config(configured);
  function startSimulator(port: string): Promise<TestProcess> {
    return startProcess({
      name: 'simulator',
      main: 'packages/simulator/dist/main.js',
      log: join(data, 'logs', 'simulator.log'),
      env: {
        SIMULATOR_PORT: port,
        SIMULATOR_TIME_SCALE: String(options.timeScale ?? 0.015),
        SIMULATOR_LEDGER: join(data, 'ledger.jsonl'),
      },
    });
  }

  const settings: Record<string, string> = {
    ...SHRUNKEN,
    REDIS_PREFIX: 'chaos',
    API_PORT: '0',
    API_KEY: canaries.apiKey,
    UPSTREAM_BASE_URL: simulatorUrl,
    UPSTREAM_API_KEY: canaries.upstreamKey,
    STORAGE_URL: `file:${join(data, 'songs')}`,
    SPOOL_DIR: join(data, 'spool'),
    ...options.env,
  };
  const keys = keysOf(settings['REDIS_PREFIX']!);
  const receiver = await startReceiver(join(data, 'deliveries.jsonl'));
  const apis: OwnProcess[] = [];
  const workers: OwnProcess[] = [];
  const gone: OwnProcess[] = [];
  let named = 0;

  async function workerIdOf(pid: number): Promise<string | null> {
    const own = connectRedis(redis.url, 'worker', () => undefined);
    const find = async (): Promise<string | null> => {
      for (const id of await own.zrange(keys.workers, '0', '-1')) {
        const about = JSON.parse((await own.hget(keys.worker(id), 'about')) ?? '{}') as Partial<AboutWorker>;
        if (about.pid === pid) return id;
      }
      return null;
    };
    // When Redis is what is broken just now, the start must not wait for it: the id is a convenience.
    const limit = new AbortController();
    try {
      return await Promise.race([find().catch(() => null), delay(WORKER_ID_MS, null, { signal: limit.signal })]);
    } finally {
      limit.abort();
      own.disconnect();
    }
  }
  const shared = { redisUrl: redis.url, data, workerIdOf };
  async function addApi(): Promise<void> {
    const api = await prepareProcess({
      ...shared,
      kind: 'api',
      name: `api ${apis.length}`,
      main: API_MAIN,
      env: settings,
    });
    apis.push(api);
    await api.start();
  }
  async function addWorker({ main = WORKER_MAIN, env = {} }: Parameters<ChaosSystem['addWorker']>[0] = {}) {
    const worker = await prepareProcess({
      ...shared,
      kind: 'worker',
      name: `worker ${named++}`,
      main,
      env: { ...settings, ...env },
    });
    workers.push(worker);
    await worker.start();
    return worker;
  }
  // In turn: two at once would both find Redis without the records that the first start makes.
  for (let i = 0; i < (options.apis ?? 2); i++) await addApi();
  await Promise.all(Array.from({ length: options.workers ?? 2 }, () => addWorker()));

  const system: OwnChaosSystem = {
    redis,
    sim,
    receiver,
    apis,
    workers,
    data,
    settings,
    apiKey: canaries.apiKey,
    secrets: Object.values(canaries),
    unaskedEnds: () => [...apis, ...workers, ...gone].flatMap((each) => each.unaskedEnds),
    addWorker,
    async removeWorker(worker) {
      const at = workers.findIndex((each) => each.name === worker.name);
      if (at < 0) throw new Error(`${worker.name} is none of the workers`);
      const [removed] = workers.splice(at, 1);
      gone.push(removed!);
      if (removed!.process !== null) await removed!.stop();
      await removed!.remove();
    },
    killSimulator: () => simulator.kill('SIGKILL'),
    async restartSimulator() {
      await simulator.kill('SIGKILL');
      simulator = await startSimulator(new URL(simulatorUrl).port);
      await sim.config(configured);
    },
    async stop({ keepData = false } = {}) {
      // A stopped process dies of SIGKILL too.
      await Promise.all([...apis, ...workers].map((each) => each.remove()));
      await simulator.kill('SIGKILL');
      await redis.stop();
      await receiver.stop();
      if (!keepData) await rm(data, { recursive: true, force: true });
      ended();
    },
  };
  if (options.told ?? true) await tellReceiver(system);
  return system;
}
