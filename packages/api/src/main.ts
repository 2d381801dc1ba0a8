import { ConfigError, EXIT_BAD_SETTINGS, parseConfig } from '@songmill/shared/runtime/config';
import { stopAll } from '@songmill/shared/runtime/lifecycle';
import { createLogger } from '@songmill/shared/runtime/logger';
import { openStorage } from '@songmill/shared/runtime/storage/storage';
import closeWithGrace from 'close-with-grace';

// The look-up of a webhook's host holds one of libuv's threads until its name servers answer, and they may be silent
// for many seconds; files of songs and batches are read and written on the same threads, of which the default is four.
// They start at the first use: so the API is imported only now.
process.env['UV_THREADPOOL_SIZE'] ??= '32';
const { startApi } = await import('./app.ts');

// The API process: settings from the environment, JSON lines on stdout, SIGTERM and SIGINT drain.
try {
  const settings = parseConfig(process.env);
  const logger = createLogger('api', settings.LOG_LEVEL);
  const say = (line: string): void => void process.stderr.write(`${line}\n`);
  const storage = await openStorage(settings.STORAGE_URL, settings);
  const api = await startApi({ settings, logger, storage, terminal: process.stderr.isTTY ? say : null });
  logger.info({ url: api.url }, 'listening');
  // A second signal ends the process at once; so does a drain that takes too long.
  closeWithGrace(
    { delay: 20_000, logger: { error: (error) => logger.error({ err: error }, 'closing') } },
    async (why) => {
      if (why.err) logger.fatal({ err: why.err }, 'unexpected error');
      logger.info({ signal: why.signal ?? null }, 'stopping');
      await stopAll([api, storage]);
      logger.info('stopped');
    },
  );
} catch (error) {
  const settingsAreBad = error instanceof ConfigError;
  const text = settingsAreBad ? error.faults.join('\n') : String(error instanceof Error ? error.stack : error);
  process.stderr.write(`${text}\n`);
  process.exit(settingsAreBad ? EXIT_BAD_SETTINGS : 1);
}
