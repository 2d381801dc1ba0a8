import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Accounts } from './accounts.ts';
import { prepareTable } from './audio/song.ts';
import { DEFAULT_CONFIG, patchConfig } from './config.ts';
import { handleControl } from './control.ts';
import { FaultBook } from './faults/book.ts';
import { handleFile } from './files.ts';
import { handleGeneration } from './generation/handle-generation.ts';
import { seededRandom } from './latency.ts';
import { Ledger } from './ledger/ledger.ts';
import { type OpenCall, OpenCalls } from './open-calls.ts';
import { handleHook } from './receiver/handle-hook.ts';
import { HOOKS_PATH } from './receiver/plan.ts';
import { ReceivedHooks } from './receiver/received-hooks.ts';
import { RecentRequests } from './recent-requests.ts';
import { References } from './references.ts';
import { gatewayReply, send } from './reply.ts';
import type { Simulation } from './simulation.ts';
import { handleUpload } from './upload/handle-upload.ts';

export const GENERATION_PATH = '/minimaxi/v1/music_generation';
export const UPLOAD_PATH = '/minimaxi/v1/music_upload';

const RECENT_REQUESTS = 1000;
/** Longer than any client keeps an idle connection, so that a reused one is never closed under a call. */
const KEEP_ALIVE_MS = 300_000;

export interface SimulatorOptions {
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  /** Every simulated duration is multiplied by it. */
  readonly timeScale: number;
  /** Starts per minute and key; 0 = unlimited. */
  readonly ratePerMinute: number;
  /** Songs being made at once per key; 0 = unlimited. */
  readonly concurrency: number;
  readonly ledgerPath: string;
  /** The same latencies in every run. */
  readonly seed?: number;
  /** Rules of some keys, as in `POST /_sim/config`. */
  readonly keys?: Readonly<Record<string, { readonly balance?: number | null; readonly err?: number | null }>>;
  /** Told of what must not happen, such as a ledger that cannot be written; default: throw it. */
  readonly onFault?: (error: unknown) => void;
}

export interface Simulator {
  /** Without a slash at its end: `http://127.0.0.1:12345`. */
  readonly url: string;
  readonly port: number;
  /**
   * Takes no new calls, lets the open ones finish, bills songs whose client has gone, closes the ledger.
   * Safe to call twice.
   */
  stop(): Promise<void>;
}

/** Starts the simulated upstream; resolves once it listens. @throws what listening or opening the ledger threw */
export async function startSimulator(options: SimulatorOptions): Promise<Simulator> {
  const config = patchConfig(DEFAULT_CONFIG, {
    time_scale: options.timeScale,
    rate_per_minute: options.ratePerMinute,
    concurrency: options.concurrency,
    keys: options.keys ?? {},
  });
  const references = new References();
  const ledger = await Ledger.open(options.ledgerPath, (line) => {
    for (const id of [line.voice_id, line.instrumental_id]) if (id !== undefined) references.add(id);
  });
  const sim: Simulation = {
    config,
    startConfig: config,
    accounts: new Accounts(() => sim.config),
    faults: new FaultBook(),
    references,
    requests: new RecentRequests(RECENT_REQUESTS),
    ledger,
    calls: new OpenCalls(),
    hooks: new ReceivedHooks(),
    random: seededRandom(options.seed),
    files: new Map(),
    onFault:
      options.onFault ??
      ((error) => {
        throw error;
      }),
  };
  // The first song would otherwise pay for the encoder.
  await prepareTable('mp3', 44_100, 256_000);
  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS, requestTimeout: 0 }, (request, response) =>
    route(sim, request, response),
  );
  try {
    await listen(server, options);
  } catch (error) {
    await ledger.close();
    throw error;
  }
  const { port } = server.address() as AddressInfo;
  let stopped: Promise<void> | null = null;
  return {
    url: `http://${options.host.includes(':') ? `[${options.host}]` : options.host}:${port}`,
    port,
    stop: () => {
      stopped ??= stop(sim, server);
      return stopped;
    },
  };
}

type Handler = (sim: Simulation, call: OpenCall, request: IncomingMessage) => Promise<void>;

function route(sim: Simulation, request: IncomingMessage, response: ServerResponse): void {
  const path = (request.url ?? '/').split('?', 1)[0] ?? '/';
  // Control calls are not upstream calls: they count as none, and stopping does not wait for them.
  if (path.startsWith('/_sim/')) {
    handleControl(sim, request, response).catch(sim.onFault);
    return;
  }
  const isHook = path.startsWith(HOOKS_PATH);
  (isHook ? sim.hooks.calls : sim.calls).run(response, async (call) => {
    try {
      if (isHook) await handleHook(sim.hooks, call, request);
      else await handlerOf(request.method ?? 'GET', path)(sim, call, request);
    } catch (error) {
      response.destroy();
      sim.onFault(error);
    }
  });
}

function handlerOf(method: string, path: string): Handler {
  if (method === 'POST' && path === GENERATION_PATH) return handleGeneration;
  if (method === 'POST' && path === UPLOAD_PATH) return handleUpload;
  if (method === 'GET' && path.startsWith('/files/')) return handleFile;
  return async (sim, call, request) => {
    request.resume();
    await send(call, gatewayReply(-10010), sim.calls.stopping);
  };
}

async function listen(server: Server, { host, port }: SimulatorOptions): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port, backlog: 4096 }, resolve);
  });
}

async function stop(sim: Simulation, server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  await Promise.all([sim.calls.stop(), sim.hooks.calls.stop()]);
  server.closeAllConnections();
  await closed;
  await sim.ledger.close();
}
