import type { ApiContext, Call } from '../context.ts';
import { sendJson } from '../request/answer.ts';

/** `GET /livez`: this process answers. It asks nobody, or a hiccup of Redis would restart every instance. */
export function getLiveness(_ctx: ApiContext, call: Call): void {
  sendJson(call, 200, { status: 'ok' });
}

/** `GET /readyz`: 200 while requests can be served, 503 otherwise. Trouble of the upstream is no reason. */
export async function getReadiness(ctx: ApiContext, call: Call): Promise<void> {
  const report = await ctx.readiness.report();
  const serving = report.status === 'ready' || report.status === 'degraded';
  sendJson(call, serving ? 200 : 503, report, serving ? {} : { 'Retry-After': 2 });
}
