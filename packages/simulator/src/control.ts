import type { IncomingMessage, ServerResponse } from 'node:http';
import { z } from 'zod';
import { readBody } from './body/read-body.ts';
import { patchConfig } from './config.ts';
import type { QueuedFault } from './faults/book.ts';
import { parseFaultOrder } from './faults/grammar.ts';
import { summarizeLedger } from './ledger/summary.ts';
import { planSchema } from './receiver/plan.ts';
import type { Simulation } from './simulation.ts';

const MAX_BODY_BYTES = 10 * 1024 * 1024;

const queuedFaultSchema = z.union([
  z.string(),
  z.strictObject({
    fault: z.string(),
    key: z.string().nullable().optional(),
    route: z.enum(['generation', 'upload', 'file']).optional(),
  }),
]);
const faultsSchema = z.strictObject({ faults: z.array(queuedFaultSchema) });

/** The control API for tests and scripts, under `/_sim/`. It has no key: the simulator is loopback tooling. */
export async function handleControl(
  sim: Simulation,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://simulator');
  const handler = ROUTES[`${request.method} ${url.pathname}`];
  if (handler === undefined)
    return answer(sim, response, 404, { error: `no such control route: ${request.method} ${url.pathname}` });
  const body = await readBody(request, MAX_BODY_BYTES);
  try {
    const text = body.kind === 'body' ? body.bytes.toString('utf8') : '';
    const result = await handler(sim, text === '' ? undefined : JSON.parse(text), url.searchParams);
    answer(sim, response, 200, result);
  } catch (error) {
    answer(sim, response, 400, { error: error instanceof z.ZodError ? z.prettifyError(error) : String(error) });
  }
}

type Handler = (sim: Simulation, body: unknown, query: URLSearchParams) => unknown;

const ROUTES: Readonly<Record<string, Handler>> = {
  'GET /_sim/config': (sim) => viewConfig(sim),
  'POST /_sim/config': (sim, body) => {
    sim.config = patchConfig(sim.config, body);
    for (const key of Object.keys((body as { keys?: object }).keys ?? {})) {
      const given = (body as { keys: Record<string, { balance?: number | null }> }).keys[key];
      if (given?.balance !== undefined) sim.accounts.setBalance(key, given.balance);
    }
    return viewConfig(sim);
  },
  'GET /_sim/faults': (sim) => ({
    faults: sim.faults.waiting().map(({ order, key, route, left }) => ({ fault: order.fault.text, key, route, left })),
  }),
  'POST /_sim/faults': (sim, body) => {
    const queued = faultsSchema.parse(body).faults.map(toQueuedFault);
    sim.faults.enqueue(queued);
    return { queued: queued.length };
  },
  'DELETE /_sim/faults': (sim) => {
    sim.faults.clear();
    return { queued: 0 };
  },
  'POST /_sim/reset': (sim) => {
    sim.config = sim.startConfig;
    sim.faults.clear();
    sim.accounts.forget();
    sim.hooks.forget();
    return viewConfig(sim);
  },
  'GET /_sim/state': (sim) => ({
    ...sim.calls.view(),
    ...sim.accounts.view(),
    queued_faults: sim.faults.waiting().length,
  }),
  'GET /_sim/ledger': async (sim, _body, query) => {
    await sim.ledger.settled();
    const summary = await summarizeLedger(sim.ledger.path, afterOf(query));
    return { path: sim.ledger.path, ...sim.calls.view(), ...summary };
  },
  'GET /_sim/requests': (sim) => ({ requests: sim.requests.list() }),
  'GET /_sim/hooks': (sim, _body, query) => sim.hooks.view(afterOf(query), query.get('path')),
  'POST /_sim/hooks': (sim, body) => {
    sim.hooks.plan(planSchema.parse(body));
    return {};
  },
  'DELETE /_sim/hooks': (sim) => {
    sim.hooks.forget();
    return {};
  },
};

function afterOf(query: URLSearchParams): number {
  return z.coerce
    .number()
    .int()
    .min(0)
    .parse(query.get('after') ?? 0);
}

function toQueuedFault(given: z.infer<typeof queuedFaultSchema>): QueuedFault {
  const asked = typeof given === 'string' ? { fault: given } : given;
  const order = parseFaultOrder(asked.fault.replace(/^\[sim:(.*)\]$/, '$1'));
  if (order === null) throw new RangeError(`the simulator does not know the fault ${asked.fault}`);
  return { order, key: asked.key ?? null, route: asked.route ?? 'generation', left: order.times ?? 1 };
}

function viewConfig(sim: Simulation): unknown {
  return { ...sim.config, keys: Object.fromEntries(sim.config.keys) };
}

function answer(sim: Simulation, response: ServerResponse, status: number, body: unknown): void {
  if (sim.calls.stopping) response.setHeader('connection', 'close');
  response.writeHead(status, { 'content-type': 'application/json' }).end(`${JSON.stringify(body)}\n`);
}
