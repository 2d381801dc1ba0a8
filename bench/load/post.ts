import autocannon from 'autocannon';

/** What the load generator is told, as JSON in its only argument. `seconds` or `amount` ends it. */
export interface LoadOrder {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly connections: number;
  readonly seconds?: number;
  readonly amount?: number;
}

/** What it prints, as JSON. Latencies in ms. */
export interface LoadAnswer {
  readonly accepted: number;
  readonly refused: number;
  readonly failed: number;
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
}

// A process of its own, so that making the load does not slow down what is measured more than another
// program on the machine would.
const order = JSON.parse(process.argv[2]!) as LoadOrder;
const result = await autocannon({
  url: order.url,
  method: 'POST',
  headers: { ...order.headers },
  body: order.body,
  connections: order.connections,
  timeout: 30,
  ...(order.seconds === undefined ? {} : { duration: order.seconds }),
  ...(order.amount === undefined ? {} : { amount: order.amount }),
});
const answer: LoadAnswer = {
  accepted: result['2xx'],
  refused: result.non2xx,
  failed: result.errors + result.timeouts,
  perSecond: result['2xx'] / result.duration,
  p50: result.latency.p50,
  p99: result.latency.p99,
};
process.stdout.write(`${JSON.stringify(answer)}\n`);
