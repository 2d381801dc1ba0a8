import path from 'node:path';
import { listeningUrl } from './child.mjs';
import { freePort } from './free-port.mjs';
import { redisAnswers, redisArguments, socketFor } from './redis-server.mjs';
import { apiSettings, simulatorSettings, withoutSecrets, workerSettings } from './settings.mjs';

/** Order of stopping: API and worker, then what the worker's open calls need, and what everybody needs last. */
const WAVE = { api: 1, worker: 1, simulator: 2, redis: 3 };
const GRACE_MS = { api: 30_000, simulator: 5000, redis: 20_000 };
const SHUTDOWN_GRACE_MS = 330_000;

/**
 * The processes of Songmill as things to keep running (keep-running.mjs).
 *
 * @param {{ root: string, home: string, settings: Record<string, string> }} context processes run in `home`, so that
 *   the `./data` of every default is the one there
 */
export function describeServices({ root, home, settings }) {
  const base = (name) => ({
    name,
    cwd: home,
    log: path.join(home, 'data', 'logs', `${name}.log`),
    wave: WAVE[name],
    graceMs: GRACE_MS[name],
  });
  const node = (name, env) => ({
    ...base(name),
    command: process.execPath,
    args: [path.join(root, 'packages', name, 'dist', 'main.js')],
    env,
  });

  return {
    redis({ binary, folder, onTemporary }) {
      const { socket, temporary } = socketFor(folder);
      if (temporary !== null) onTemporary(temporary);
      const args = redisArguments({ folder, socket });
      return {
        name: 'redis',
        spec: () => ({ ...base('redis'), command: binary, args, env: withoutSecrets(settings) }),
        ready: (child, signal) => redisAnswers(socket, child, signal),
      };
    },

    simulator: () => ({
      name: 'simulator',
      spec: (previousUrl) => node('simulator', simulatorSettings(settings, previousUrl)),
      ready: listeningUrl,
    }),

    /** @param {{ redisUrl: string, say(line: string): void }} options */
    async api({ redisUrl, say }) {
      const host = settings.API_HOST ?? '127.0.0.1';
      const wanted = Number(settings.API_PORT ?? 8080);
      const port = await freePort(host, wanted);
      if (port !== wanted) say(`port ${wanted} is busy; using ${port === 0 ? 'a free one' : port} instead`);
      return {
        name: 'api',
        spec: (previousUrl) =>
          node(
            'api',
            apiSettings(settings, { redisUrl, port: previousUrl === null ? port : new URL(previousUrl).port }),
          ),
        ready: listeningUrl,
      };
    },

    /** @param {{ redisUrl: string, simulatorUrl: string | null }} options */
    worker: (options) => ({
      name: 'worker',
      spec: () => ({
        ...node('worker', workerSettings(settings, options)),
        graceMs: Number(settings.SHUTDOWN_GRACE_MS ?? SHUTDOWN_GRACE_MS) + 5000,
      }),
      ready: listeningUrl,
    }),
  };
}
