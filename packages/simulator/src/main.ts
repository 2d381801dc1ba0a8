import { ConfigError, EXIT_BAD_SETTINGS, parseConfig } from '@songmill/shared/runtime/config';
import type { Settings } from '@songmill/shared/runtime/settings';
import { startSimulator } from './server.ts';

/** Writes one line of the process's log; `silent` and levels above hide it. */
function log(settings: Settings | null, level: 'info' | 'error' | 'fatal', msg: string, more: object = {}): void {
  const levels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'];
  if (levels.indexOf(level) < levels.indexOf(settings?.LOG_LEVEL ?? 'info')) return;
  process.stdout.write(
    `${JSON.stringify({ level, time: new Date().toISOString(), process: 'simulator', msg, ...more })}\n`,
  );
}

function readSettings(): Settings {
  try {
    return parseConfig(process.env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(EXIT_BAD_SETTINGS);
  }
}

const settings = readSettings();

function die(error: unknown): never {
  log(settings, 'fatal', error instanceof Error ? error.message : String(error));
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  process.exit(1);
}

try {
  const simulator = await startSimulator({
    host: settings.SIMULATOR_HOST,
    port: settings.SIMULATOR_PORT,
    timeScale: settings.SIMULATOR_TIME_SCALE,
    ratePerMinute: settings.SIMULATOR_RATE_PER_MINUTE,
    concurrency: settings.SIMULATOR_CONCURRENCY,
    ledgerPath: settings.SIMULATOR_LEDGER,
    onFault: die,
  });
  let stopping = false;
  const onSignal = (signal: NodeJS.Signals): void => {
    if (stopping) process.exit(1);
    stopping = true;
    log(settings, 'info', 'stopping', { signal });
    simulator.stop().then(() => {
      log(settings, 'info', 'stopped');
      process.exit(0);
    }, die);
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  // Written at any level: whoever started this process waits for it.
  log(null, 'info', 'listening', { url: simulator.url, pid: process.pid });
} catch (error) {
  die(error);
}
