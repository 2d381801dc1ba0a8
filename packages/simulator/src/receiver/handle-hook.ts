import type { IncomingMessage } from 'node:http';
import { readBody } from '../body/read-body.ts';
import type { OpenCall } from '../open-calls.ts';
import { finished } from '../reply.ts';
import type { HookAnswer } from './plan.ts';
import type { ReceivedHooks } from './received-hooks.ts';
import { judge } from './verdict.ts';

const MAX_BODY_BYTES = 1024 * 1024;

/** Takes a webhook: keeps it with the verdict on its signature, and answers as it was told to. */
export async function handleHook(hooks: ReceivedHooks, call: OpenCall, request: IncomingMessage): Promise<void> {
  const path = new URL(request.url ?? '/', 'http://simulator').pathname;
  const body = await readBody(request, MAX_BODY_BYTES);
  if (body.kind === 'cut') return;
  if (body.kind === 'too_large') {
    call.response.writeHead(413).end();
    await finished(call);
    return;
  }
  const { headers, method = '' } = request;
  const id = headers['webhook-id'];
  const kept = hooks.keep({
    ...{ at: new Date().toISOString(), method, path, headers, body: body.bytes.toString('utf8') },
    webhook_id: typeof id === 'string' ? id : null,
    verdict: judge(headers, body.bytes, hooks.secretsFor(path)),
  });
  const answer = hooks.answerFor(path);
  await hooks.calls.wait(call, answer.delay_ms);
  if (call.gone) return;
  const end = await play(hooks, call, answer);
  if (end === 'sent') kept.answered = answer.status;
}

async function play(hooks: ReceivedHooks, call: OpenCall, answer: HookAnswer): Promise<'sent' | 'gone'> {
  const { response } = call;
  if (answer.end === 'reset') {
    response.socket?.resetAndDestroy();
    return 'gone';
  }
  if (answer.end === 'hang') {
    await hooks.calls.waitUntilGone(call);
    response.destroy();
    return 'gone';
  }
  response.statusCode = answer.status;
  for (const [name, value] of Object.entries(answer.headers)) response.setHeader(name, value);
  if (hooks.calls.stopping) response.setHeader('connection', 'close');
  if (answer.end === 'whole') {
    response.end(answer.body);
    return finished(call);
  }
  const begun = Buffer.from(answer.body || 'half of an ans');
  response.setHeader('content-length', begun.length * 2);
  response.write(begun);
  response.socket?.destroySoon();
  return 'gone';
}
