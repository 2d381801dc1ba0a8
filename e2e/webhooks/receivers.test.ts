import { cp, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROOT, startProcess, type TestProcess } from '@songmill/shared/testing/processes';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startSystem, type TestSystem, VOICE } from '../testing/system.ts';

let system: TestSystem;
let folder: string;
let receiver: TestProcess;

beforeAll(async () => {
  system = await startSystem({ env: { WEBHOOK_ALLOW: '127.0.0.1' } });
  folder = await mkdtemp(join(tmpdir(), 'sgm-'));
  // Examples stand where their packages are installed.
  await symlink(join(ROOT, 'e2e', 'node_modules'), join(folder, 'node_modules'));
});
afterEach(() => receiver.kill());
afterAll(async () => {
  await system.stop();
  await rm(folder, { recursive: true, force: true });
});

async function startReceiver(file: string): Promise<void> {
  await cp(join(ROOT, 'examples', file), join(folder, file));
  const { secret } = await system.client.webhookSecret.retrieve();
  const secretBefore = `whsec_${Buffer.from('the one before it was rotated').toString('base64')}`;
  const env = { PORT: '0', WEBHOOK_SECRET: `${secretBefore},${secret}` };
  receiver = await startProcess({ name: file, main: join(folder, file), cwd: folder, env });
}

const taken = () => receiver.lines().filter(({ msg }) => msg === 'taken');

async function until(done: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await done())) await new Promise((resolve) => setTimeout(resolve, 20));
}

describe.each(['webhook-receiver-express.mjs', 'webhook-receiver-node.mjs'])('examples/%s', (file) => {
  it('takes each event of a song once, though it comes again', async () => {
    await startReceiver(file);
    const { client } = system;
    const types = ['generation.queued', 'generation.processing', 'generation.succeeded'] as const;
    const webhook = { url: receiver.url, events: [...types] };
    const { id } = await client.generations.generate({ lyrics: 'told', refer_voice: VOICE, webhook });
    await until(() => taken().length === 3);
    expect(new Set(taken().map(({ type }) => type))).toEqual(new Set(types));
    expect(new Set(taken().map((event) => event['id']))).toEqual(new Set([id]));

    const { data } = await client.webhookDeliveries.list({ generation_id: id });
    expect(data.map(({ status }) => status)).toEqual(['succeeded', 'succeeded', 'succeeded']);
    const again = data[0]!;
    await client.webhookDeliveries.redeliver(again.id);
    await until(async () => (await client.webhookDeliveries.retrieve(again.id)).attempts.length === 2);
    expect((await client.webhookDeliveries.retrieve(again.id)).status).toBe('succeeded');
    // What it prints comes in order, so a later song's event shows that nothing is on its way.
    const later = await client.generations.generate({
      lyrics: 'later',
      refer_voice: VOICE,
      webhook: { url: receiver.url },
    });
    await until(() => taken().some((event) => event['id'] === later.id));
    expect(taken()).toHaveLength(4);
  });

  it('refuses with 400 what was not signed, was changed, or is old', async () => {
    await startReceiver(file);
    const { simulator, sim, client } = system;
    const webhook = { url: `${simulator.url}/_hooks/${file}` };
    const { id } = await client.generations.generate({ lyrics: 'genuine', refer_voice: VOICE, webhook });
    await until(async () => (await sim.hooks(`/_hooks/${file}`)).length === 1);
    const { body, headers } = (await sim.hooks(`/_hooks/${file}`))[0]!;
    const signed = Object.fromEntries(Object.entries(headers).filter(([name]) => name.startsWith('webhook-')));
    const send = async (text: string, more: Record<string, string>) => {
      const given = { 'content-type': 'application/json', ...more };
      return (await fetch(receiver.url, { method: 'POST', headers: given, body: text })).status;
    };
    expect(await send(body, {})).toBe(400);
    expect(await send(body.replace(id, 'gen_other'), signed)).toBe(400);
    expect(await send(body, { ...signed, 'webhook-id': 'evt_other' })).toBe(400);
    expect(await send(body, { ...signed, 'webhook-timestamp': '1600000000' })).toBe(400);
    expect(await send(body, { ...signed, 'webhook-signature': 'v1,AAAA v1a,x' })).toBe(400);
    expect(await send(body, signed)).toBe(204);
    await until(() => taken().length > 0);
    expect(taken()).toHaveLength(1);
  });
});
