import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startProcess, type TestProcess } from '@songmill/shared/testing/processes';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { summarizeLedger } from './ledger/summary.ts';
import { control, generate, type Seen } from './testing/client.ts';

const MAIN = fileURLToPath(new URL('main.ts', import.meta.url));
const execArgv = ['--conditions=source'];

let folder: string;
let ledger: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'songmill-simulator-'));
  ledger = join(folder, 'ledger.jsonl');
});
afterEach(async () => rm(folder, { recursive: true, force: true }));

async function start(env: Record<string, string> = {}): Promise<TestProcess> {
  return startProcess({
    name: 'simulator',
    main: MAIN,
    execArgv,
    cwd: folder,
    env: { SIMULATOR_PORT: '0', SIMULATOR_TIME_SCALE: '0', SIMULATOR_LEDGER: ledger, ...env },
  });
}

describe('the ledger of a process that is killed', () => {
  it('has every charge whose answer began, and goes on after a restart', async () => {
    const first = await start();
    const begun: string[] = [];
    const seen: Promise<Seen>[] = [];
    await new Promise<void>((resolve) => {
      for (let i = 0; i < 20; i += 1) {
        const lyrics = `song ${i}`;
        const onFirstByte = (): void => {
          begun.push(lyrics);
          if (begun.length === 10) {
            process.kill(first.pid, 'SIGKILL');
            resolve();
          }
        };
        seen.push(generate(first.url, lyrics, { onFirstByte }));
      }
    });
    await first.exited;
    await Promise.all(seen);
    const billed = new Set(
      Object.values((await summarizeLedger(ledger, 0)).by_lyrics)
        .filter((one) => one.charges === 1)
        .map((one) => one.lyrics),
    );
    for (const lyrics of begun) expect(billed).toContain(lyrics);
    const second = await start();
    await generate(second.url, 'after the restart');
    expect((await control(second.url, 'GET', '/ledger')).charges).toBe(billed.size + 1);
    await second.stop();
  });
});

describe('signals', () => {
  it('SIGTERM lets an open call finish, takes no new one and exits 0', async () => {
    const simulator = await start();
    const open = generate(simulator.url, 'x [sim:latency=1000]');
    await expect.poll(async () => (await control(simulator.url, 'GET', '/state')).working).toBe(1);
    const stopped = simulator.stop();
    await expect.poll(async () => canConnect(simulator.url)).toBe(false);
    expect((await open).status).toBe(200);
    expect(await stopped).toEqual({ code: 0, signal: null });
    expect(simulator.lines().map((line) => line['msg'])).toEqual(['listening', 'stopping', 'stopped']);
  });

  it('a hanging call does not hold it up, and a song whose client has gone is billed', async () => {
    const simulator = await start();
    const hanging = generate(simulator.url, 'x [sim:hang]');
    const left = await generate(simulator.url, 'y [sim:latency=600000]', { signal: AbortSignal.timeout(300) });
    expect(left.end).toBe('none');
    await expect.poll(async () => (await control(simulator.url, 'GET', '/state')).open_calls).toBe(1);
    expect(await simulator.stop()).toEqual({ code: 0, signal: null });
    expect((await hanging).end).toBe('none');
    expect(await summarizeLedger(ledger, 0)).toMatchObject({ calls: 2, charges: 2, gone: 2 });
  });

  it('a second signal exits at once', async () => {
    const simulator = await start();
    const open = generate(simulator.url, 'x [sim:latency=600000]');
    await expect.poll(async () => (await control(simulator.url, 'GET', '/state')).working).toBe(1);
    const first = simulator.kill('SIGINT');
    await expect.poll(() => simulator.output()).toContain('stopping');
    await simulator.kill('SIGINT');
    await first;
    expect((await open).end).toBe('none');
  });
});

describe('starting', () => {
  it('bad settings are all named on stderr, exit 78', () => {
    const run = runMain({ SIMULATOR_PORT: '99999', SIMULATOR_TIME_SCALE: 'fast' });
    expect(run.status).toBe(78);
    expect(run.stderr).toContain('SIMULATOR_PORT');
    expect(run.stderr).toContain('SIMULATOR_TIME_SCALE');
  });

  it('a port in use is fatal, exit 1', async () => {
    const simulator = await start();
    const run = runMain({ SIMULATOR_PORT: new URL(simulator.url).port, SIMULATOR_LEDGER: join(folder, 'other.jsonl') });
    expect(run.status).toBe(1);
    expect(run.stderr).toContain('EADDRINUSE');
    await simulator.stop();
  });

  it('never writes a whole key', async () => {
    const simulator = await start();
    await generate(simulator.url, 'x', { key: 'a-very-secret-key' });
    await simulator.stop();
    expect(simulator.output() + (await readFile(ledger, 'utf8'))).not.toContain('very-secret');
  });
});

function runMain(env: Record<string, string>) {
  return spawnSync(process.execPath, [...execArgv, MAIN], {
    cwd: folder,
    encoding: 'utf8',
    env: { PATH: process.env['PATH'], ...env },
    timeout: 25_000,
  });
}

async function canConnect(url: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    socket.once('connect', () => resolve(true));
    socket.once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}
