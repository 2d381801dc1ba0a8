import { ConfigError, EXIT_BAD_SETTINGS, parseConfig, readSecretFile } from '@songmill/shared/runtime/config';
import { createLogger } from '@songmill/shared/runtime/logger';
import type { Settings } from '@songmill/shared/runtime/settings';

function readSettings(): Settings {
  try {
    return parseConfig(process.env, ['UPSTREAM_API_KEY']);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(EXIT_BAD_SETTINGS);
  }
}

/** The key may change while we run: its file is read before every call, and a bad read keeps the last good one. */
function keyReader(settings: Settings, file: string | undefined): () => string {
  let key = settings.UPSTREAM_API_KEY!;
  return () => {
    if (file === undefined || file === '') return key;
    try {
      key = readSecretFile(file);
    } catch (error) {
      logger.warn({ err: error }, 'the key file cannot be read; the last key is used');
    }
    return key;
  };
}

// Each song is synced several times, and syncs that run at once share the disk's work; libuv's four threads
// would have most songs wait for one. It starts them at the first use, which is while BullMQ is loaded: so the
// worker is imported only now.
process.env['UV_THREADPOOL_SIZE'] ??= '32';
const { startWorker } = await import('./worker.ts');

const settings = readSettings();
const logger = createLogger('worker', settings.LOG_LEVEL);

try {
  const worker = await startWorker({
    settings,
    logger,
    readKey: keyReader(settings, process.env['UPSTREAM_API_KEY_FILE']),
  });
  let stopping = false;
  const onSignal = (signal: NodeJS.Signals): void => {
    if (stopping) process.exit(1);
    stopping = true;
    logger.info({ signal }, 'stopping');
    worker.stop().then(
      () => process.exit(0),
      (error: unknown) => {
        logger.fatal({ err: error }, 'stop failed');
        process.exit(1);
      },
    );
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  process.on('SIGHUP', () => {
    worker.probeHolds().catch((error: unknown) => logger.warn({ err: error }, 'probing holds'));
  });
  // At any log level: whoever started this process waits for the line.
  createLogger('worker', 'info').info({ url: worker.url, pid: process.pid }, 'listening');
} catch (error) {
  if (!(error instanceof ConfigError)) {
    logger.fatal({ err: error }, 'start failed');
    process.exit(1);
  }
  process.stderr.write(`${error.message}\n`);
  process.exit(EXIT_BAD_SETTINGS);
}
