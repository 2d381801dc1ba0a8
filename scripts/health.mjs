#!/usr/bin/env node
/**
 * Whether a process of Songmill is alive: `node scripts/health.mjs [api | worker | simulator]`, with the environment
 * of that process. Without a name it is the process that a container was started for. Exit 0: alive; 1: not, with
 * the reason on stderr. It imports nothing, so that it costs little more than a start of Node.
 */
import { readFileSync } from 'node:fs';
import { get } from 'node:http';

const LIMIT_MS = 4000;
const PAGES = {
  api: { host: 'API_HOST', port: 'API_PORT', fallback: '8080', path: '/livez' },
  worker: { host: 'WORKER_HOST', port: 'WORKER_PORT', fallback: '0', path: '/livez' },
  simulator: { host: 'SIMULATOR_HOST', port: 'SIMULATOR_PORT', fallback: '8090', path: '/_sim/config' },
};

/** Which process a command line runs, perhaps through an init. */
export function processIn(commandLine) {
  return /packages\/(\w+)\/dist\/main\.js/.exec(commandLine)?.[1];
}

function pageOf(name) {
  const page = Object.hasOwn(PAGES, name ?? '') ? PAGES[name] : undefined;
  if (page === undefined) throw new Error(`name the process: ${Object.keys(PAGES).join(', ')}`);
  // An empty value counts as unset, as in the processes.
  const port = process.env[page.port] || page.fallback;
  if (port === '0') throw new Error(`${page.port} is 0, so the process picked a port that nobody knows here`);
  const host = process.env[page.host] || '127.0.0.1';
  const everywhere = { '0.0.0.0': '127.0.0.1', '::': '::1' };
  return { host: everywhere[host] ?? host, port, path: page.path };
}

/** Resolves when the page answers 200. An own connection, or an agent could send it through a proxy. */
function ask(page) {
  return new Promise((resolve, reject) => {
    const options = { ...page, agent: false, signal: AbortSignal.timeout(LIMIT_MS) };
    get(options, (response) => {
      response.resume();
      if (response.statusCode === 200) resolve();
      else reject(new Error(`${page.path} answered ${response.statusCode}`));
    }).on('error', reject);
  });
}

if (import.meta.main) {
  try {
    // Number 1 is what a container was started for.
    await ask(pageOf(process.argv[2] ?? processIn(readFileSync('/proc/1/cmdline', 'utf8'))));
    process.exit(0);
  } catch (error) {
    process.stderr.write(`${error.name === 'AbortError' ? `no answer within ${LIMIT_MS} ms` : error.message}\n`);
    process.exit(1);
  }
}
