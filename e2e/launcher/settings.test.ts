import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { load } from './load.ts';

const { allowsReceiver, apiSettings, readSettings, simulatorSettings, usesRealUpstream, workerSettings } =
  await load('settings.mjs');
const { parseStartOptions } = await load('start-options.mjs');
const { maySpend } = await load('spending.mjs');
const { restartDelay } = await load('keep-running.mjs');

const redisUrl = 'unix:///r.sock';
const simulatorUrl = 'http://127.0.0.1:5';

describe('the settings of the processes', () => {
  let home: string;
  beforeEach(() => {
    home = mkdtempSync(path.join(os.tmpdir(), 'sgm-home-'));
  });
  afterEach(() => rmSync(home, { recursive: true, force: true }));

  it('the environment goes before .env, an empty value counts as unset, and npm stays out', () => {
    writeFileSync(path.join(home, '.env'), 'API_PORT=1\nLOG_LEVEL=debug\nPRICES=\nMAX_ATTEMPTS=3\n');
    const given = { API_PORT: '2', LOG_LEVEL: '', npm_config_user_agent: 'npm', INIT_CWD: '/' };
    expect(readSettings(home, given)).toEqual({ API_PORT: '2', LOG_LEVEL: 'debug', MAX_ATTEMPTS: '3' });
  });

  it('without an upstream key the worker calls the simulator, at a small time scale and without a rate', () => {
    const settings = { UPSTREAM_BASE_URL: 'https://elsewhere.example' };
    expect(usesRealUpstream(settings)).toBe(false);
    expect(workerSettings(settings, { redisUrl, simulatorUrl })).toMatchObject({
      REDIS_URL: redisUrl,
      UPSTREAM_BASE_URL: simulatorUrl,
      UPSTREAM_API_KEY: expect.any(String),
      UPSTREAM_RATE_PER_MINUTE: '0',
    });
    const simulator = simulatorSettings(settings, null);
    expect(simulator).toMatchObject({ SIMULATOR_PORT: '0' });
    expect(Number(simulator.SIMULATOR_TIME_SCALE)).toBeLessThan(0.1);
    expect(simulatorSettings(settings, simulatorUrl)).toMatchObject({ SIMULATOR_PORT: '5' });
  });

  it('on the simulator webhooks may go to its receiver, and to nothing else that is not public', () => {
    for (const of of [apiSettings({}, { redisUrl, port: 1 }), workerSettings({}, { redisUrl, simulatorUrl })]) {
      expect(of).toMatchObject({ WEBHOOK_ALLOW: '127.0.0.1' });
    }
    expect(allowsReceiver({})).toBe(true);
    for (const own of [{ WEBHOOK_ALLOW: 'hooks.lan' }, { UPSTREAM_API_KEY: 'k' }, { SIMULATOR_HOST: '0.0.0.0' }]) {
      expect(allowsReceiver(own)).toBe(false);
      expect(apiSettings(own, { redisUrl, port: 1 })['WEBHOOK_ALLOW']).toBe(own.WEBHOOK_ALLOW);
    }
  });

  it('what is set stays set', () => {
    const settings = { UPSTREAM_RATE_PER_MINUTE: '9', SIMULATOR_TIME_SCALE: '1', SIMULATOR_PORT: '7' };
    expect(simulatorSettings(settings, null)).toMatchObject({ SIMULATOR_TIME_SCALE: '1', SIMULATOR_PORT: '7' });
    expect(apiSettings(settings, { redisUrl, port: 8080 })).toMatchObject({
      UPSTREAM_RATE_PER_MINUTE: '9',
      API_PORT: '8080',
    });
    expect(workerSettings(settings, { redisUrl, simulatorUrl })).toMatchObject({ UPSTREAM_RATE_PER_MINUTE: '9' });
  });

  it('with an upstream key nothing is changed, and only the worker gets the key', () => {
    for (const settings of [{ UPSTREAM_API_KEY: 'k' }, { UPSTREAM_API_KEY_FILE: '/k' }]) {
      expect(usesRealUpstream(settings)).toBe(true);
      expect(workerSettings(settings, { redisUrl, simulatorUrl: null })).toEqual({ ...settings, REDIS_URL: redisUrl });
      expect(apiSettings(settings, { redisUrl, port: 1 })).toEqual({ REDIS_URL: redisUrl, API_PORT: '1' });
    }
  });

  it('the api key reaches the api and nobody else', () => {
    const settings = { API_KEY: 'secret' };
    expect(apiSettings(settings, { redisUrl, port: 1 })).toMatchObject(settings);
    expect(workerSettings(settings, { redisUrl, simulatorUrl })).not.toHaveProperty('API_KEY');
    expect(simulatorSettings(settings, null)).not.toHaveProperty('API_KEY');
  });
});

describe('the options of npm start', () => {
  it('an unknown one is refused by name with exit code 2', () => {
    expect(() => parseStartOptions(['--exti'], '/p')).toThrow(
      expect.objectContaining({ exitCode: 2, message: expect.stringContaining('--exti') }),
    );
  });

  it('are read', () => {
    expect(parseStartOptions(['--exit', '--yes'], '/p')).toMatchObject({
      exit: true,
      yes: true,
      sample: true,
      home: '/p',
    });
  });
});

describe('spending', () => {
  const terminal = { isTTY: true };
  const said: string[] = [];
  const ask = (options: object) =>
    maySpend({
      songs: 20,
      yes: false,
      input: {},
      output: terminal,
      say: (line: string) => said.push(line),
      ...options,
    });

  it('needs a yes before, or somebody to ask', async () => {
    expect(await ask({})).toBe(false);
    expect(await ask({ input: terminal, output: {} })).toBe(false);
    expect(await ask({ yes: true })).toBe(true);
    expect(said.every((line) => line.includes('20 songs on the real upstream'))).toBe(true);
  });
});

describe('restarts', () => {
  it('come after half a second, then twice as long each time, at most eight seconds', () => {
    expect([1, 2, 3, 4, 5, 6, 50].map((n) => restartDelay(n))).toEqual([500, 1000, 2000, 4000, 8000, 8000, 8000]);
  });
});
