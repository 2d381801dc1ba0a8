import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { TestProcess } from '@songmill/shared/testing/processes';
import { startRedis } from '@songmill/shared/testing/redis';
import { call } from '../call.ts';
import type { Plan } from '../plan.ts';
import type { Result } from '../result.ts';
import { ratioOf, spreadOf, takeTurns } from '../rounds.ts';
import { API_KEY, SAMPLE_REQUEST } from '../sample.ts';
import { startApi, startBroadcastFloor, stopCleanly } from '../start.ts';
import { until } from '../until.ts';

/** Between an event that everybody has heard and the next. */
const REST_MS = 10;

/** From sending a request that makes an event until each of a thousand listeners of one process has it. */
export async function measureEventToClient(plan: Plan): Promise<Result> {
  const redis = await startRedis({ appendfsync: 'everysec' });
  const [api, floor] = [await startApi(redis, plan.profile), await startBroadcastFloor()];
  try {
    const measured = await takeTurns(plan.rounds, {
      floor: () => p99(floor, plan),
      ours: () => p99(api, plan),
    });
    for (const each of [api, floor]) await stopCleanly(each);
    return {
      id: 'event-to-client',
      row: 'event-to-client',
      what: `\`POST\` sent to its event at ${plan.listenerCount.toLocaleString('en')} listeners, p99`,
      floorIs: 'a server that only passes on what it gets',
      unit: 'ms',
      floor: spreadOf(measured.floor),
      ours: spreadOf(measured.ours),
      ratio: ratioOf(measured.floor, measured.ours),
      cpuMicros: null,
      aim: null,
      reached: null,
    };
  } finally {
    await Promise.all([api, floor].map((each) => each.kill('SIGKILL').catch(() => undefined)));
    await redis.stop();
  }
}

/** In ms, over all listeners and events. Everybody must hear everything. */
async function p99(server: TestProcess, plan: Plan): Promise<number> {
  let heard = 0;
  let sentAt = 0;
  const times: number[] = [];
  const sockets = await Promise.all(
    Array.from({ length: plan.listenerCount }, () =>
      listen(server, () => {
        times.push(performance.now() - sentAt);
        heard += 1;
      }),
    ),
  );
  for (let told = 1; told <= plan.eventCount; told++) {
    await delay(REST_MS);
    sentAt = performance.now();
    await call(server, '/v1/generations', SAMPLE_REQUEST);
    await until(`event ${told} at every listener`, async () => heard === told * plan.listenerCount);
  }
  for (const socket of sockets) socket.destroy();
  return times.sort((a, b) => a - b)[Math.ceil(times.length * 0.99) - 1]!;
}

/** A listener that costs as little as one can, as all of them share this process. Resolves once it listens. */
async function listen(server: TestProcess, onEvent: () => void): Promise<Socket> {
  const { hostname, port } = new URL(server.url);
  const socket = connect(Number(port), hostname);
  socket.write(
    `GET /v1/events HTTP/1.1\r\nHost: ${hostname}\r\nAuthorization: Bearer ${API_KEY}\r\nAccept: text/event-stream\r\n\r\n`,
  );
  await once(socket, 'data');
  socket.on('data', (piece: Buffer) => {
    if (piece.includes('event: ')) onEvent();
  });
  return socket;
}
