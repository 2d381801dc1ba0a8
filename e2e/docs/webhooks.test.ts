import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ROOT } from '@songmill/shared/testing/processes';
import { requires } from '@songmill/shared/testing/requires';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { codeBlock } from '../checks/code-blocks.ts';
import { API_KEY, startSystem, type TestSystem, VOICE } from '../testing/system.ts';

const run = promisify(execFile);
let system: TestSystem;
let folder: string;
/** A webhook as it arrived, and what signed it. */
let genuine: { rawBody: string; headers: Record<string, string>; secret: string };

beforeAll(async () => {
  system = await startSystem({ env: { WEBHOOK_ALLOW: '127.0.0.1', WEBHOOK_SCHEDULE_MS: '10' } });
  folder = await mkdtemp(join(tmpdir(), 'sgm-'));
  await mkdir(join(folder, 'data'));
  await writeFile(join(folder, 'data', 'api-key'), API_KEY);
  // Programs of the page stand where the client is installed.
  await symlink(join(ROOT, 'e2e', 'node_modules'), join(folder, 'node_modules'));
  const { secret } = await system.client.webhookSecret.retrieve();
  const webhook = { url: `${system.simulator.url}/_hooks/docs` };
  await system.client.generations.generate({ lyrics: 'Ω verify 🎵', refer_voice: VOICE, webhook });
  const [hook] = await received('/_hooks/docs', 1);
  genuine = { rawBody: hook!.body, headers: hook!.headers, secret };
});
afterAll(async () => {
  await system.stop();
  await rm(folder, { recursive: true, force: true });
});

async function received(path: string, count: number): ReturnType<TestSystem['sim']['hooks']> {
  for (;;) {
    const hooks = await system.sim.hooks(path);
    if (hooks.length >= count) return hooks;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Runs a command of the page where its addresses are those of the system. */
async function shell(text: string, env: Record<string, string> = {}): Promise<string> {
  const here = text
    .replaceAll('https://example.com/hooks/songmill', `${system.simulator.url}/_hooks/endpoint`)
    .replaceAll('http://127.0.0.1:8080', system.apis[0]!.url)
    .replaceAll('http://127.0.0.1:8090', system.simulator.url);
  const own = { SONGMILL_URL: system.apis[0]!.url, SONGMILL_API_KEY: API_KEY };
  return (await run('sh', ['-ec', here], { cwd: folder, env: { ...process.env, ...own, ...env } })).stdout;
}

/** What a program makes of the webhook as it came, changed, signed by another secret, and from long ago. */
async function verdicts(program: string, command: string, file: string): Promise<string[]> {
  await writeFile(join(folder, file), program);
  const other = `whsec_${Buffer.from('another secret, thirty-two bytes').toString('base64')}`;
  const cases = [
    genuine,
    { ...genuine, rawBody: genuine.rawBody.replace('succeeded', 'failed') },
    { ...genuine, secret: other },
    { ...genuine, headers: { ...genuine.headers, 'webhook-timestamp': '1600000000' } },
  ];
  const outputs = cases.map((given) => run(command, [file, JSON.stringify(given)], { cwd: folder }));
  return (await Promise.all(outputs)).map(({ stdout }) => stdout.trim());
}

const NODE = 'const { rawBody, headers, secret } = JSON.parse(process.argv[2]);\nconst request = { headers };\n';

describe('the ways to verify in docs/webhooks.md', () => {
  it('take what is genuine and nothing else, with the SDK', async () => {
    const block = codeBlock('docs/webhooks.md', 4).text;
    const refusal = "process.on('uncaughtException', (error) => console.log(error.fault));\n";
    const program = `${NODE}${refusal}${block}\nconsole.log(event.type);\n`;
    expect(await verdicts(program, process.execPath, 'sdk.mjs')).toEqual([
      ...['generation.succeeded', 'no_matching_signature', 'no_matching_signature', 'too_old'],
    ]);
  });

  it('take what is genuine and nothing else, with Node alone', async () => {
    const program = `${NODE}${codeBlock('docs/webhooks.md', 5).text}\nconsole.log(genuine);\n`;
    expect(await verdicts(program, process.execPath, 'node.mjs')).toEqual(['true', 'false', 'false', 'false']);
  });
});

describe('the way to verify in docs/webhooks.md', requires('python3'), () => {
  it('takes what is genuine and nothing else, with Python alone', async () => {
    const given =
      'import json, sys\ngiven = json.loads(sys.argv[1])\n' +
      'raw_body, headers, secret = given["rawBody"].encode(), given["headers"], given["secret"]\n';
    const program = `${given}${codeBlock('docs/webhooks.md', 6).text}\nprint(genuine)\n`;
    expect(await verdicts(program, 'python3', 'verify.py')).toEqual(['True', 'False', 'False', 'False']);
  });
});

describe('the commands of docs/webhooks.md', requires('curl'), () => {
  it('make an endpoint and recover what it missed', async () => {
    const endpoint = JSON.parse(await shell(codeBlock('docs/webhooks.md', 3).text)) as { id: string; secret: string };
    expect(endpoint.secret).toMatch(/^whsec_/);
    const control = (plan: object) =>
      fetch(`${system.simulator.url}/_sim/hooks`, {
        method: 'POST',
        body: JSON.stringify({ path: '/_hooks/endpoint', secrets: [endpoint.secret], ...plan }),
      });
    await control({ otherwise: { status: 500 } });
    const since = new Date(Date.now() - 60_000).toISOString();
    await system.client.generations.generate({ lyrics: 'missed', refer_voice: VOICE });
    for (;;) {
      const missed = await system.client.webhookDeliveries.list({ endpoint_id: endpoint.id, status: 'failed' });
      if (missed.data.length === 1) break;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const before = (await system.sim.hooks('/_hooks/endpoint')).length;
    await control({ otherwise: { status: 204 } });
    const output = await shell(codeBlock('docs/webhooks.md', 7).text, { ENDPOINT: endpoint.id, SINCE: since });
    expect(output.replaceAll(/\s/g, '')).toBe('{"matched":1}{"matched":1}');
    const hooks = await received('/_hooks/endpoint', before + 1);
    expect(new Set(hooks.map(({ verdict }) => verdict))).toEqual(new Set(['verified']));
    expect(new Set(hooks.map(({ headers }) => headers['webhook-id'])).size).toBe(1);
    expect(new Set(hooks.map(({ body }) => body)).size).toBe(1);
  });

  it('send a webhook to the simulator and show it', async () => {
    const song = JSON.parse(await shell(codeBlock('docs/webhooks.md', 9).text)) as { id: string; status: string };
    expect(song.status).toBe('succeeded');
    await received('/_hooks/mine', 1);
    const shown = await shell(codeBlock('docs/webhooks.md', 10).text);
    const { deliveries } = JSON.parse(shown) as { deliveries: { body: string }[] };
    expect(deliveries.map(({ body }) => (JSON.parse(body) as { data: { id: string } }).data.id)).toEqual([song.id]);
  });
});
