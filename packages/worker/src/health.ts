import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Part } from '@songmill/shared/runtime/lifecycle';
import type { Consumer } from './queue/consumer.ts';
import type { WorkerContext } from './queue/context.ts';

/**
 * The worker's own small page: `/livez` asks nobody, `/readyz` names what the worker depends on, with 503 while nothing
 * may be paid for. It holds no key and tells no host names, because whoever can reach the port can read it.
 */
export async function startHealth(
  context: WorkerContext,
  consumer: Consumer,
): Promise<Part & { readonly url: string }> {
  const { settings, foundations } = context;
  const server = createServer((request, response) => {
    const answer = (status: number, body: object) => {
      response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' });
      response.end(request.method === 'HEAD' ? undefined : JSON.stringify(body));
    };
    if (request.url === '/livez') return answer(200, { status: 'ok' });
    if (request.url !== '/readyz') return answer(404, { status: 'not_found' });
    void foundations.look().then(({ redis, storage, stop }) => {
      const works = redis.status === 'ok' && stop === null;
      const status = works ? (redis.warnings.length > 0 ? 'degraded' : 'ready') : 'unavailable';
      answer(works ? 200 : 503, { status, redis, storage, running: consumer.running() });
    });
  });
  server.requestTimeout = 5000;
  server.headersTimeout = 5000;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(settings.WORKER_PORT, settings.WORKER_HOST, resolve);
  });
  const { address, port, family } = server.address() as AddressInfo;
  return {
    url: `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
