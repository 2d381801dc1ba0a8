import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parseEnv } from 'node:util';

/** Only a placeholder: the simulator takes any key. */
const SIMULATOR_KEY = 'simulator-local-key';
/** Small enough for twenty songs in a few seconds, large enough to see them come in. */
const SIMULATOR_TIME_SCALE = '0.01';
const LOOPBACK = '127.0.0.1';

/** The environment with the lines of `<home>/.env` below it; empty values count as unset, as in the processes. */
export function readSettings(home, environment) {
  const file = path.join(home, '.env');
  const fromFile = existsSync(file) ? parseEnv(readFileSync(file, 'utf8')) : {};
  const given = Object.entries({ ...fromFile, ...withoutEmpty(environment) });
  // What npm adds about itself concerns no process of ours, and would reach every child of theirs.
  return Object.fromEntries(given.filter(([name, value]) => value !== '' && !/^npm_|^INIT_CWD$/.test(name)));
}

/** Whether songs are made, and paid for, by a real account. */
export function usesRealUpstream(settings) {
  return settings.UPSTREAM_API_KEY !== undefined || settings.UPSTREAM_API_KEY_FILE !== undefined;
}

/**
 * Whether webhooks may go to the simulator's receiver, which only loopback reaches. Not with a list of one's own,
 * which says where they may go.
 */
export function allowsReceiver(settings) {
  const { WEBHOOK_ALLOW, SIMULATOR_HOST = LOOPBACK } = settings;
  return !usesRealUpstream(settings) && WEBHOOK_ALLOW === undefined && SIMULATOR_HOST === LOOPBACK;
}

/** The environment of a process that needs no secret of ours. */
export function withoutSecrets(settings) {
  const secret = /^(REDIS_URL|API_KEY|UPSTREAM_API_KEY|METRICS_TOKEN)(_FILE)?$/;
  return Object.fromEntries(Object.entries(settings).filter(([name]) => !secret.test(name)));
}

/** Settings of the simulator process. */
export function simulatorSettings(settings, previousUrl) {
  const port = previousUrl === null ? (settings.SIMULATOR_PORT ?? '0') : new URL(previousUrl).port;
  return { SIMULATOR_TIME_SCALE, ...withoutSecrets(settings), SIMULATOR_PORT: port };
}

/** Settings of the API: all but the upstream's key, which it has no use for. */
export function apiSettings(settings, { redisUrl, port }) {
  const { UPSTREAM_API_KEY: _key, UPSTREAM_API_KEY_FILE: _file, ...rest } = settings;
  return { ...simulatorDefaults(settings), ...rest, REDIS_URL: redisUrl, API_PORT: String(port) };
}

/** Settings of the worker; on the simulator with its address and a placeholder key. */
export function workerSettings(settings, { redisUrl, simulatorUrl }) {
  const { API_KEY: _api, API_KEY_FILE: _apiFile, ...rest } = settings;
  const upstream = simulatorUrl === null ? {} : { UPSTREAM_BASE_URL: simulatorUrl, UPSTREAM_API_KEY: SIMULATOR_KEY };
  return { ...simulatorDefaults(settings), ...rest, REDIS_URL: redisUrl, ...upstream };
}

/** The API computes waiting times from the rate and judges webhook URLs, so both processes get them. */
function simulatorDefaults(settings) {
  if (usesRealUpstream(settings)) return {};
  return { UPSTREAM_RATE_PER_MINUTE: '0', ...(allowsReceiver(settings) ? { WEBHOOK_ALLOW: LOOPBACK } : {}) };
}

function withoutEmpty(environment) {
  return Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''));
}
