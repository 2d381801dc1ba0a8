import { glob, readFile } from 'node:fs/promises';
import { Webhook } from 'standardwebhooks';
import { afterEach, beforeEach, expect, it } from 'vitest';
import * as client from './client.ts';
import * as errors from './errors.ts';
import * as webhooks from './webhooks.ts';
import { generation, json, type ScriptedServer, startScriptedServer } from './testing/scripted-server.ts';

const packageDir = new URL('..', import.meta.url);
const read = (path: string) => readFile(new URL(path, packageDir), 'utf8');

let server: ScriptedServer;
beforeEach(async () => {
  server = await startScriptedServer();
});
afterEach(() => server.close());

it('the client imports nothing at run time but its own files, so that it runs in a browser', async () => {
  const foreign: string[] = [];
  let files = 0;
  for await (const path of glob('src/**/*.ts', { cwd: packageDir.pathname })) {
    if (/\/(testing|cli)\//.test(path) || path.endsWith('.test.ts')) continue;
    files++;
    const source = await read(path);
    for (const [statement, from = ''] of source.matchAll(/^(?:import|export)\b[^;]*?from '([^']+)';$/gm)) {
      if (!/^(import|export) type\b/.test(statement) && !from.startsWith('.')) foreign.push(`${path}: ${from}`);
    }
    if (/\b(process|Buffer|require)\b[.(]/.test(source)) foreign.push(`${path}: a global of Node`);
  }
  expect(files).toBeGreaterThan(10);
  expect(foreign).toEqual([]);
});

it('nothing of the client imports the command line, which alone has dependencies', async () => {
  const importing: string[] = [];
  const needed = new Set<string>();
  for await (const path of glob('src/**/*.ts', { cwd: packageDir.pathname })) {
    const source = await read(path);
    for (const [, from = ''] of source.matchAll(/\bfrom '([^']+)';$/gm)) {
      if (!path.includes('/cli/')) {
        if (/(^|\/)cli\//.test(from)) importing.push(path);
      } else if (!path.endsWith('.test.ts') && !/^(\.|node:)/.test(from)) {
        needed.add(
          from
            .split('/')
            .slice(0, from.startsWith('@') ? 2 : 1)
            .join('/'),
        );
      }
    }
  }
  expect(importing).toEqual([]);
  expect(Object.keys(JSON.parse(await read('package.json')).dependencies).sort()).toEqual([...needed].sort());
});

it('the programs of the README run', async () => {
  const blocks = [...(await read('README.md')).matchAll(/^```js\n(.*?)^```$/gms)].map(([, code = '']) => code);
  expect(blocks.length).toBeGreaterThan(2);
  server.otherwise = (response, request) => {
    const { method, path } = request;
    if (path.endsWith('/audio')) {
      response.writeHead(200, { 'content-type': 'audio/mpeg' }).end('song');
    } else if (path.startsWith('/v1/generations') && path.endsWith('/events')) {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      const event = { type: 'generation.succeeded', data: { sequence: 3 } };
      response.end(`event: ${event.type}\nid: 3\ndata: ${JSON.stringify(event)}\n\n`);
    } else if (path === '/v1/batches/bat_1/events') {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      const event = { type: 'batch.completed', data: { counts: { failed: 1 } } };
      response.end(`event: ${event.type}\nid: 3\ndata: ${JSON.stringify(event)}\n\n`);
    } else if (path.startsWith('/v1/batches/bat_1/')) {
      response.end(`${JSON.stringify({ custom_id: 'one', result: 'a result' })}\n`);
    } else if (path.startsWith('/v1/batches')) {
      json({ id: 'bat_1', status: 'completed_with_errors', counts: { failed: 1 } })(response, request);
    } else if (path === '/v1/generations' && method === 'GET') {
      json({ data: [generation('gen_1', 'failed')], has_more: false, next_cursor: null })(response, request);
    } else {
      json(generation('gen_1', 'succeeded'))(response, request);
    }
  };
  const modules: Record<string, object> = {
    '@songmill/client/client': client,
    '@songmill/client/errors': errors,
    '@songmill/client/webhooks': webhooks,
  };
  const program = `${blocks.join('\n')}\nreturn receive;`.replaceAll(
    /^import (.*) from '(.*)';$/gm,
    "const $1 = modules['$2'];",
  );
  const AsyncFunction = (async () => {}).constructor as new (
    ...code: string[]
  ) => (...given: object[]) => Promise<(request: Request) => Promise<Response>>;
  const output: unknown[] = [];
  const secret = `whsec_${btoa('thirty-two bytes that are secret')}`;
  const env = { SONGMILL_URL: server.url, SONGMILL_API_KEY: 'sgm_test', WEBHOOK_SECRET: secret };
  const song = new WritableStream();
  const receive = await new AsyncFunction('modules', 'process', 'console', 'file', program)(
    modules,
    { env },
    { log: (...words: unknown[]) => output.push(words.join(' ')) },
    song,
  );
  expect(output).toContain('gen_1 succeeded');
  expect(output).toContain('generation.succeeded 3');
  expect(output).toContain('one a result');
  expect(server.received.map(({ method, path }) => `${method} ${path}`)).toEqual(
    expect.arrayContaining([
      'POST /v1/generations',
      'GET /v1/generations',
      'GET /v1/generations/gen_1/audio',
      'POST /v1/generations/gen_1/retry',
    ]),
  );
  const body = JSON.stringify({ type: 'generation.succeeded', data: { id: 'gen_2', result: { audio_url: '/a' } } });
  const now = new Date();
  const headers = {
    ...{ 'webhook-id': 'evt_1', 'webhook-timestamp': String(Math.floor(now.getTime() / 1000)) },
    'webhook-signature': new Webhook(secret).sign('evt_1', now, body),
  };
  const told = (text: string) => receive(new Request('http://localhost/', { method: 'POST', headers, body: text }));
  expect((await told(body)).status).toBe(204);
  expect(output).toContain('gen_2 /a');
  expect((await told(`${body} `)).status).toBe(400);
});
