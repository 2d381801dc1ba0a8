import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { parseConfig } from '@songmill/shared/runtime/config';
import { settingsSchema } from '@songmill/shared/runtime/settings';
import { ROOT } from '@songmill/shared/testing/processes';
import { DCLinter } from 'dclint';
import { describe, expect, it } from 'vitest';
import { COMPOSE_FILE, containerEnvironment, durationMs, interpolate, readCompose, volumeOf } from './compose.ts';

const compose = readCompose();
const services = Object.entries(compose.services);
const serviceOf = (name: string) => compose.services[name]!;
const processes = ['api', 'worker', 'simulator'].map((name) => [name, serviceOf(name)] as const);
const text = readFileSync(COMPOSE_FILE, 'utf8');
const shape: Readonly<Record<string, { meta(): Record<string, unknown> | undefined }>> = settingsSchema.shape;
const isSecret = (name: string) => shape[name.replace(/_FILE$/, '')]?.meta()?.['secret'] === true;

/** How the default of a setting that is a place begins. */
const IN_DATA = /^(file:)?\.\/data\b/;

/** dclint's own declarations do not resolve under `nodenext`. */
type LintMessage = Readonly<Record<'line' | 'rule' | 'message', string | number>>;

/** What a person has in .env, or gives with --env-file. */
const demo = parseEnv(readFileSync(join(ROOT, 'demo.env'), 'utf8'));
const real = { UPSTREAM_API_KEY: 'the-key-of-a-real-account' };
const environment = (name: string, variables: Record<string, string | undefined>) =>
  containerEnvironment(serviceOf(name), variables, { '.env': real, 'demo.env': demo });

describe('docker-compose.yml', () => {
  it('has no fault that a linter finds', () => {
    const order = {
      'service-keys-order': 0,
      'services-alphabetical-order': 0,
      'top-level-properties-order': 0,
    } as const;
    const linter = new DCLinter({ rules: order, quiet: false, debug: false, exclude: [] });
    const results: { messages: LintMessage[] }[] = linter.lintFiles([COMPOSE_FILE], false);
    const messages = results.flatMap((result) => result.messages);
    expect(messages.map(({ line, rule, message }) => `${line} ${rule}: ${message}`)).toEqual([]);
  });

  it('has redis, api and worker, and the simulator for the demo alone', () => {
    expect(services.map(([name, { profiles }]) => [name, profiles])).toEqual([
      ['redis', undefined],
      ['api', undefined],
      ['worker', undefined],
      ['simulator', ['demo']],
    ]);
    for (const [name, { command }] of processes) {
      expect(command).toEqual(['node', `packages/${name}/dist/main.js`]);
      expect(existsSync(join(ROOT, 'packages', name, 'src', 'main.ts'))).toBe(true);
    }
  });

  it('lets no service write outside of volumes and /tmp, gain rights, or be reached from other machines', () => {
    for (const [name, service] of services) {
      expect(service, name).toMatchObject({
        read_only: true,
        tmpfs: ['/tmp'],
        cap_drop: ['ALL'],
        security_opt: ['no-new-privileges:true'],
        restart: 'unless-stopped',
      });
      for (const port of service.ports ?? []) expect(port, name).toMatch(/^127\.0\.0\.1:/);
    }
    for (const [, service] of processes) expect(service).toMatchObject({ init: true });
    expect(serviceOf('redis')).toMatchObject({ user: 'redis' });
    expect(serviceOf('redis').ports).toBeUndefined();
  });

  it('asks every service for its health, and starts none before what it needs is well', () => {
    for (const [name, { healthcheck, depends_on }] of services) {
      expect(healthcheck?.test.length, name).toBeGreaterThan(1);
      for (const { condition } of Object.values(depends_on ?? {})) expect(condition).toBe('service_healthy');
    }
    for (const [name, { healthcheck }] of processes) {
      expect(healthcheck?.test).toEqual(['CMD', 'node', 'scripts/health.mjs', name]);
    }
    expect(serviceOf('api').depends_on).toHaveProperty('redis');
    expect(serviceOf('worker').depends_on).toMatchObject({ redis: {}, simulator: { required: false } });
  });

  it('gives a Redis that forgets nothing it has acknowledged', () => {
    const command = serviceOf('redis').command.join(' ');
    for (const option of ['--appendonly yes', '--appendfsync always', '--maxmemory-policy noeviction']) {
      expect(command).toContain(option);
    }
    expect(volumeOf(serviceOf('redis'), '/data/appendonlydir')).toBe('redis-data');
  });

  it('lets a stopping worker finish its paid calls, and write down what it had to break off', () => {
    const { SHUTDOWN_GRACE_MS } = settingsSchema.parse({});
    expect(durationMs(serviceOf('worker').stop_grace_period)).toBeGreaterThan(SHUTDOWN_GRACE_MS + 5000);
    expect(durationMs(serviceOf('api').stop_grace_period)).toBeGreaterThan(20_000);
  });

  it('lets any number of workers run', () => {
    expect(text).not.toContain('container_name');
    expect(serviceOf('worker').ports).toBeUndefined();
  });
});

describe('the environment of a container', () => {
  it('has no name that is no setting', () => {
    const names = services.flatMap(([, service]) => Object.keys(service.environment ?? {}));
    const asked = [...text.matchAll(/\$\{(\w+)/g)].map(([, name]) => name!);
    const known = (name: string) => name in shape || (isSecret(name) && name.endsWith('_FILE'));
    expect(names.filter((name) => !known(name))).toEqual([]);
    expect(asked.filter((name) => !known(name) && name !== 'SONGMILL_ENV_FILE')).toEqual([]);
    expect(
      Object.keys(demo)
        .filter((name) => !known(name))
        .toSorted(),
    ).toEqual(['COMPOSE_PROFILES', 'SONGMILL_ENV_FILE']);
  });

  it('holds no secret that is written into the file', () => {
    const written = services.flatMap(([name, service]) =>
      Object.entries(service.environment ?? {})
        .filter(([setting, value]) => isSecret(setting) && value !== '' && !value.startsWith('${'))
        .map(([setting, value]) => `${name}: ${setting}=${value}`),
    );
    // An address without a password.
    const plain = ['api', 'worker'].map((name) => `${name}: REDIS_URL=redis://redis:6379`);
    expect(written).toEqual(plain);
  });

  it('is refused, with a word on what to do, while nobody gave an upstream key', () => {
    const demanded = () => environment('worker', {});
    expect(demanded).toThrow(/^UPSTREAM_API_KEY: .*\.env.*demo\.env/);
    expect(text.match(/:\?/g)).toHaveLength(1);
  });

  it.each([
    ['for real', real, 'https://api.302.ai'],
    ['in the demo', demo, 'http://simulator:8090'],
  ])('is one that each process accepts %s, with secrets only where they are used', (_mode, variables, upstream) => {
    const settings = {
      api: parseConfig(environment('api', variables)),
      worker: parseConfig(environment('worker', variables), ['UPSTREAM_API_KEY']),
      simulator: parseConfig(environment('simulator', variables)),
    };
    expect(settings.worker).toMatchObject({ UPSTREAM_BASE_URL: upstream, ...(variables === real ? real : {}) });
    expect(settings.api.UPSTREAM_API_KEY).toBeUndefined();
    expect(settings.worker.API_KEY).toBeUndefined();
    const secretsOfSimulator = Object.entries(environment('simulator', variables)).filter(
      ([name, value]) => isSecret(name) && value !== '',
    );
    expect(secretsOfSimulator).toEqual([]);
    // Both processes reckon with the same rate.
    expect(settings.api.UPSTREAM_RATE_PER_MINUTE).toBe(settings.worker.UPSTREAM_RATE_PER_MINUTE);
    expect(settings.simulator.SIMULATOR_PORT).toBe(8090);
  });

  it('reaches the simulator in the demo whatever key lies around, so that nothing real is called', () => {
    const settings = parseConfig(environment('worker', { ...demo, ...real }));
    expect(settings.UPSTREAM_BASE_URL).toBe('http://simulator:8090');
  });

  it('listens where the published port and the health check look', () => {
    const stubborn = { ...real, API_PORT: '9000', API_HOST: '127.0.0.1', WORKER_PORT: '0', SIMULATOR_PORT: '1' };
    const of = (name: string) => containerEnvironment(serviceOf(name), stubborn, { '.env': stubborn });
    expect(of('api')).toMatchObject({ API_HOST: '0.0.0.0', API_PORT: '8080' });
    expect(serviceOf('api').ports?.map((port) => interpolate(port, stubborn))).toEqual(['127.0.0.1:9000:8080']);
    expect(serviceOf('api').ports?.map((port) => interpolate(port, {}))).toEqual(['127.0.0.1:8080:8080']);
    expect(of('worker')).toMatchObject({ WORKER_PORT: '9090' });
    expect(of('simulator')).toMatchObject({ SIMULATOR_HOST: '0.0.0.0', SIMULATOR_PORT: '8090' });
  });

  it('keeps what must outlive a container in named volumes', () => {
    const groups = { api: ['Storage'], worker: ['Storage', 'Worker'], simulator: ['Simulator'] };
    const places = Object.entries(groups).flatMap(([name, used]) =>
      Object.entries(settingsSchema.parse({}))
        .filter(
          ([setting, value]) => typeof value === 'string' && IN_DATA.test(value) && used.includes(groupOf(setting)),
        )
        .map(([setting]) => {
          const path = environment(name, real)[setting]!.replace(/^file:/, '');
          return [`${name} ${setting}`, volumeOf(serviceOf(name), path)];
        }),
    );
    expect(Object.fromEntries(places)).toEqual({
      'api STORAGE_URL': 'songs',
      'worker STORAGE_URL': 'songs',
      'worker SPOOL_DIR': 'spool',
      'simulator SIMULATOR_LEDGER': 'ledger',
    });
    // The first API key, when none is set: ./data is a link to /data.
    expect(volumeOf(serviceOf('api'), '/data/api-key')).toBe('api-data');
    const mounted = services.flatMap(([, { volumes }]) => volumes.map((each) => each.split(':')[0]));
    expect(new Set(mounted)).toEqual(new Set(Object.keys(compose.volumes)));
  });

  function groupOf(setting: string): string {
    return String(shape[setting]?.meta()?.['group']);
  }
});
