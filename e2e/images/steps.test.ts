import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { Songmill } from '@songmill/client/client';
import { startProcess, type TestProcess } from '@songmill/shared/testing/processes';
import { findProgram } from '@songmill/shared/testing/programs';
import { startRedis, type TestRedis } from '@songmill/shared/testing/redis';
import { requires } from '@songmill/shared/testing/requires';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runTool } from '../checks/run-tool.ts';
import { song } from '../testing/requests.ts';
import { API_KEY } from '../testing/system.ts';
import { makeContext } from './context.ts';
import { environmentOf, readStages } from './dockerfile.ts';
import { runStage } from './run-stage.ts';

/**
 * No engine builds images where the tests run, so the steps of the Dockerfile are carried out in a
 * plain shell, on what `.dockerignore` would let through, and the result is used as a container would.
 */
describe('the steps of the image, in a plain shell', requires('git', 'npm', 'sh'), () => {
  let folder: string;
  let app: string;
  let spool: string;
  let redis: TestRedis | undefined;
  let imageEnv: Record<string, string>;
  const processes: Partial<Record<'api' | 'worker' | 'simulator', TestProcess>> = {};

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'sgm-'));
    // Volumes are file systems of their own, and a file cannot be moved from one to the other.
    spool = mkdtempSync(join(existsSync(MEMORY) ? MEMORY : folder, 'sgm-'));
    const [build, last] = readStages();
    const isNews = await bringsNews();
    const context = join(folder, 'context');
    const roots = { build: join(folder, 'build'), last: join(folder, 'last') };
    makeContext(context);
    const common = { context, stages: roots, env: shellEnvironment(join(folder, 'global')) };
    await runStage({ ...common, stage: build!, root: roots.build, commands: isNews });
    // Its commands arrange folders of the image's own root.
    await runStage({ ...common, stage: last!, root: roots.last, commands: () => false });
    imageEnv = environmentOf(last!);
    app = join(roots.last, 'app');
    mkdirSync(join(folder, 'data'));
  }, 170_000);

  afterAll(async () => {
    await Promise.all(Object.values(processes).map((each) => each.kill('SIGKILL')));
    await redis?.stop();
    rmSync(folder, { recursive: true, force: true });
    rmSync(spool, { recursive: true, force: true });
  });

  it('leave neither sources nor tests nor tools in the image', () => {
    const files = readdirSync(app, { recursive: true, encoding: 'utf8' });
    const ours = files.filter((file) => file.startsWith('packages/') && !file.includes('node_modules'));
    expect(ours.filter((file) => /\.ts$|\.test\.|\/(src|testing)(\/|$)|\.map$/.test(file))).toEqual([]);
    expect(ours.some((file) => file.endsWith('.lua'))).toBe(true);
    const installed = readdirSync(join(app, 'node_modules/.pnpm')).map((name) => name.replace(/@[^@]*$/, ''));
    for (const tool of ['vitest', 'typescript', 'oxlint', 'fast-check']) {
      expect(installed.filter((name) => name.startsWith(tool))).toEqual([]);
    }
  });

  it('give processes that make a song, tell their health, and write nothing but data', async () => {
    const before = stateOf(app);
    redis = await startRedis({ appendfsync: 'always' });
    const start = async (name: keyof typeof processes, env: Record<string, string> = {}) => {
      const main = join(app, 'packages', name, 'dist', 'main.js');
      const host = { API_HOST: '127.0.0.1', SIMULATOR_HOST: '127.0.0.1' };
      processes[name] = await startProcess({ name, main, cwd: app, env: { ...here(imageEnv), ...host, ...env } });
      return processes[name];
    };
    const simulator = await start('simulator', { SIMULATOR_PORT: '0', SIMULATOR_TIME_SCALE: '0.001' });
    const env = {
      SPOOL_DIR: spool,
      ...{ REDIS_URL: redis.url, API_PORT: '0', WORKER_PORT: '0', API_KEY, STORAGE_MIN_FREE_BYTES: '0' },
      ...{ UPSTREAM_BASE_URL: simulator.url, UPSTREAM_API_KEY: 'simulated', UPSTREAM_RATE_PER_MINUTE: '0' },
    };
    const api = await start('api', env);
    const worker = await start('worker', env);

    const client = new Songmill({ url: api.url, apiKey: API_KEY });
    const made = await client.generations.generate(song());
    expect(made).toMatchObject({ status: 'succeeded', result: { kind: 'song' } });
    const audio = await (await client.generations.audio(made.id)).arrayBuffer();
    expect(audio.byteLength).toBe(made.result!.bytes);

    const songmill = ['packages/client/bin/songmill.mjs', 'get', made.id, '--json'];
    const shown = await runTool('node', songmill, {
      cwd: app,
      env: { SONGMILL_URL: api.url, SONGMILL_API_KEY: API_KEY },
    });
    expect(JSON.parse(shown.output)).toEqual(made);

    expect(await health('api', { API_HOST: '0.0.0.0', API_PORT: portOf(api) })).toEqual({ code: 0, output: '' });
    expect(await health('worker', { WORKER_PORT: portOf(worker) })).toEqual({ code: 0, output: '' });
    expect(await health('simulator', { SIMULATOR_PORT: portOf(simulator) })).toEqual({ code: 0, output: '' });

    await worker.kill('SIGSTOP');
    const frozen = await health('worker', { WORKER_PORT: portOf(worker) });
    expect(frozen).toEqual({ code: 1, output: 'no answer within 4000 ms\n' });
    await worker.kill('SIGCONT');

    for (const each of [api, worker, simulator]) expect(await each.stop()).toEqual({ code: 0, signal: null });
    const stopped = await health('api', { API_PORT: portOf(api) });
    expect(stopped).toMatchObject({ code: 1, output: expect.stringContaining('ECONNREFUSED') });
    expect(stateOf(app)).toEqual(before);
  });

  it('give a health check that says what it was not told', async () => {
    expect(await health('worker', { WORKER_PORT: '' })).toMatchObject({
      code: 1,
      output: expect.stringMatching(/^WORKER_PORT is 0/),
    });
    expect(await health('nobody', {})).toEqual({ code: 1, output: 'name the process: api, worker, simulator\n' });
  });

  it('give a health check that finds out for which process its container was started', async () => {
    // The process that is number 1 here runs nothing of ours; in a container it does, behind an init or not.
    const { processIn } = await import(join(app, 'scripts/health.mjs'));
    expect(processIn('/sbin/docker-init\0--\0node\0packages/worker/dist/main.js\0')).toBe('worker');
    expect(processIn('node\0packages/api/dist/main.js\0')).toBe('api');
    expect(processIn('/sbin/init\0')).toBeUndefined();
  });

  /** The image's paths, below our folder. */
  function here(env: Record<string, string>): Record<string, string> {
    const moved = Object.entries(env).map(([name, value]) => [
      name,
      value.replace(/^((?:file:)?)\/data/, `$1${folder}/data`),
    ]);
    return Object.fromEntries(moved) as Record<string, string>;
  }

  const health = (name: string, env: Record<string, string>) =>
    runTool('node', ['scripts/health.mjs', name], { cwd: app, env });
});

/** Another file system than that of temporary folders. */
const MEMORY = '/dev/shm';

const portOf = (process: TestProcess) => new URL(process.url).port;

/** What RUN gets: our Node, a global folder of npm below ours, and what this machine says on networks and caches. */
function shellEnvironment(globalFolder: string): NodeJS.ProcessEnv {
  const { NODE_ENV: _test, NODE_OPTIONS: _options, ...inherited } = process.env;
  return {
    ...inherited,
    PATH: [join(globalFolder, 'bin'), dirname(process.execPath), process.env['PATH'] ?? ''].join(delimiter),
    CI: 'true',
    npm_config_prefix: globalFolder,
    npm_config_prefer_offline: 'true',
    npm_config_loglevel: 'error',
  };
}

/**
 * Tells a command apart that only installs the pnpm that is on PATH here anyway, as it is under `npm test`: without
 * it everything comes from the caches of this machine, and no network is needed.
 */
async function bringsNews(): Promise<(command: string) => boolean> {
  const program = findProgram('pnpm');
  if (program === undefined) return () => true;
  const { stdout } = await promisify(execFile)(program, ['--version']);
  return (command) => !(command.startsWith('npm install ') && command.endsWith(` pnpm@${stdout.trim()}`));
}

/** Every file with its size, mode and time of change; links with their targets are files of their own. */
function stateOf(root: string): Record<string, string> {
  const entries = readdirSync(root, { recursive: true, encoding: 'utf8' }).map((file) => {
    const { size, mode, mtimeMs } = statSync(join(root, file));
    return [file, `${size} ${mode} ${mtimeMs}`] as const;
  });
  return Object.fromEntries(entries);
}
