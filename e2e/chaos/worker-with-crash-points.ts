import { parseConfig } from '@songmill/shared/runtime/config';
import { createLogger } from '@songmill/shared/runtime/logger';
import { startWorker } from '@songmill/worker/worker';
import { obeyOrders, ORDERS_FILE } from './crash-orders.ts';

/**
 * The shipped build of the worker (it is run without the condition `source`), which dies or throws where the suite
 * tells it to. Everything else is as in the worker's own `main.ts`.
 */
const env = process.env;
const settings = parseConfig(env, ['UPSTREAM_API_KEY']);
const logger = createLogger('worker', settings.LOG_LEVEL);
try {
  const worker = await startWorker({
    settings,
    logger,
    readKey: () => settings.UPSTREAM_API_KEY!,
    crashPoint: obeyOrders(env[ORDERS_FILE]!),
  });
  let stopping = false;
  const stop = (signal: NodeJS.Signals): void => {
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
  process.on('SIGTERM', stop);
  process.on('SIGHUP', () => void worker.probeHolds());
  createLogger('worker', 'info').info({ url: worker.url, pid: process.pid }, 'listening');
} catch (error) {
  logger.fatal({ err: error }, 'start failed');
  process.exit(1);
}
