import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Songmill } from '@songmill/client/client';
import { startProcess, type TestProcess } from '@songmill/shared/testing/processes';
import { startRedis, type TestRedis } from '@songmill/shared/testing/redis';
import { type SimulatorControl, simulatorControl } from './simulator-control.ts';

/** Reference ids that the simulator knows. */
export const VOICE = 'vocal-2024112413150824-aj4GKzSM';
export const INSTRUMENTAL = 'instrumental-2024112413150824-UE4jIGJY';
export const API_KEY = 'sgm_test_bootstrap_key_of_the_test_system';

export interface SystemOptions {
  readonly apis?: number;
  readonly workers?: number;
  /** Settings of API and workers, over the quick ones below. */
  readonly env?: Readonly<Record<string, string>>;
  readonly redis?: { readonly appendfsync?: 'always' | 'everysec' };
  /** Every duration of the simulator is multiplied by it; 0.001 makes a 45 s song in 45 ms. */
  readonly timeScale?: number;
}

/** A whole Songmill of built processes on a private Redis and the simulator. */
export interface TestSystem {
  readonly redis: TestRedis;
  simulator: TestProcess;
  /** Starts it again on the same address and ledger. */
  restartSimulator(): Promise<void>;
  readonly sim: SimulatorControl;
  readonly apis: readonly TestProcess[];
  readonly workers: TestProcess[];
  readonly client: Songmill;
  /** Folder of storage, spools and the ledger. */
  readonly data: string;
  readonly env: Readonly<Record<string, string>>;
  /** A client of one of the API processes. */
  clientOf(api: number, apiKey?: string): Songmill;
  /** @param main its script, unless it is the shipped one */
  startWorker(env?: Readonly<Record<string, string>>, main?: string): Promise<TestProcess>;
  startApi(env?: Readonly<Record<string, string>>): Promise<TestProcess>;
  stop(): Promise<void>;
}

const QUICK = {
  UPSTREAM_RATE_PER_MINUTE: '0',
  UPSTREAM_MAX_CONCURRENCY: '10',
  UPSTREAM_TIMEOUT_MS: '20000',
  WORKER_CONCURRENCY: '20',
  WORKER_LEASE_MS: '3000',
  SHUTDOWN_GRACE_MS: '15000',
  RETRY_BASE_MS: '20',
  RETRY_MAX_MS: '200',
  ACCOUNT_PROBE_MS: '300',
  STORAGE_MIN_FREE_BYTES: '0',
  LOG_LEVEL: 'info',
};

export async function startSystem(options: SystemOptions = {}): Promise<TestSystem> {
  const data = await mkdtemp(join(tmpdir(), 'sgm-'));
  const redis = await startRedis(options.redis);
  const startSimulator = (port: string) =>
    startProcess({
      name: 'simulator',
      main: 'packages/simulator/dist/main.js',
      env: {
        SIMULATOR_PORT: port,
        SIMULATOR_TIME_SCALE: String(options.timeScale ?? 0.001),
        SIMULATOR_LEDGER: join(data, 'ledger.jsonl'),
      },
    });
  const simulator = await startSimulator('0');
  const env: Record<string, string> = {
    ...QUICK,
    REDIS_URL: redis.url,
    API_PORT: '0',
    API_KEY,
    UPSTREAM_BASE_URL: simulator.url,
    UPSTREAM_API_KEY: 'simulated-upstream-key',
    STORAGE_URL: `file:${join(data, 'songs')}`,
    SPOOL_DIR: join(data, 'spool'),
    ...options.env,
  };
  const apis: TestProcess[] = [];
  const workers: TestProcess[] = [];
  const startApi = async (more: Readonly<Record<string, string>> = {}) => {
    const api = await startProcess({
      name: `api ${apis.length}`,
      main: 'packages/api/dist/main.js',
      env: { ...env, ...more },
    });
    apis.push(api);
    return api;
  };
  const startWorker = async (more: Readonly<Record<string, string>> = {}, main = 'packages/worker/dist/main.js') => {
    const worker = await startProcess({
      name: `worker ${workers.length}`,
      main,
      env: { ...env, ...more },
    });
    workers.push(worker);
    return worker;
  };
  for (let i = 0; i < (options.apis ?? 1); i++) await startApi();
  for (let i = 0; i < (options.workers ?? 1); i++) await startWorker();
  const clientOf = (api: number, apiKey = API_KEY) => new Songmill({ url: apis[api]!.url, apiKey, maxRetries: 0 });

  const system: TestSystem = {
    redis,
    simulator,
    async restartSimulator() {
      await system.simulator.kill('SIGKILL');
      system.simulator = await startSimulator(new URL(simulator.url).port);
    },
    sim: simulatorControl(simulator.url),
    apis,
    workers,
    get client() {
      return clientOf(0);
    },
    data,
    env,
    clientOf,
    startApi,
    startWorker,
    async stop() {
      await Promise.all([...apis, ...workers].map((each) => each.kill('SIGKILL').catch(() => undefined)));
      await system.simulator.kill('SIGKILL');
      await redis.stop();
      await rm(data, { recursive: true, force: true });
    },
  };
  return system;
}
