import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startProcess } from '@songmill/shared/testing/processes';
import { startRedis, type TestRedis } from '@songmill/shared/testing/redis';
import { requires } from '@songmill/shared/testing/requires';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ASK, generationOf } from './testing/api-fixture.ts';

const MAIN = 'packages/api/src/main.ts';
const execArgv = ['--conditions=source'];

describe('the process', requires('redis-server|valkey-server'), () => {
  let redis: TestRedis;
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(async () => redis?.stop());

  const env = (more: Record<string, string> = {}) => ({ REDIS_URL: redis.url, API_PORT: '0', API_KEY: 'k', ...more });

  async function runToEnd(given: Record<string, string>): Promise<{ code: number | null; stderr: string }> {
    const cwd = mkdtempSync(join(tmpdir(), 'sgm-main-'));
    const main = fileURLToPath(new URL('main.ts', import.meta.url));
    const child = spawn(process.execPath, [...execArgv, main], { cwd, env: { PATH: process.env['PATH'], ...given } });
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.stdout.resume();
    const [code] = (await once(child, 'close')) as [number | null];
    rmSync(cwd, { recursive: true, force: true });
    return { code, stderr };
  }

  it('serves, logs JSON lines, and a signal ends it with 0 after what is under way', async () => {
    const api = await startProcess({ name: 'api', main: MAIN, execArgv, env: env() });
    const headers = { authorization: 'Bearer k', 'content-type': 'application/json' };
    const asked = await fetch(`${api.url}/v1/generations`, { method: 'POST', headers, body: JSON.stringify(ASK) });
    const { id } = await generationOf(asked);
    const waiting = fetch(`${api.url}/v1/generations/${id}`, { headers: { ...headers, prefer: 'wait=60' } });
    await fetch(`${api.url}/livez`);
    const exit = api.stop();
    expect((await waiting).status).toBe(200);
    expect(await exit).toEqual({ code: 0, signal: null });
    const requests = api.lines().filter((line) => line['msg'] === 'request');
    expect(requests[0]).toMatchObject({ method: 'POST', route: '/v1/generations', status: 202, key_id: 'bootstrap' });
  });

  it('a second signal ends it at once', async () => {
    const api = await startProcess({ name: 'api', main: MAIN, execArgv, env: env() });
    // A request whose body never comes keeps the first signal busy.
    const headers = { authorization: 'Bearer k', 'content-type': 'application/json' };
    const body = new ReadableStream({ start: (controller) => controller.enqueue(Buffer.from('{')) });
    const hanging = fetch(`${api.url}/v1/generations`, {
      method: 'POST',
      headers,
      body,
      duplex: 'half',
    });
    const failed = hanging.then(
      () => false,
      () => true,
    );
    await expect.poll(() => fetch(`${api.url}/livez`).then((one) => one.status), { timeout: 20_000 }).toBe(200);
    process.kill(api.pid, 'SIGTERM');
    await expect.poll(() => api.output().includes('"stopping"'), { timeout: 20_000 }).toBe(true);
    const began = performance.now();
    process.kill(api.pid, 'SIGINT');
    await api.exited;
    expect(await failed).toBe(true);
    expect(performance.now() - began).toBeLessThan(8000);
  });

  it('names every bad setting and exits 78', async () => {
    const { code, stderr } = await runToEnd(env({ API_PORT: 'no', MAX_BODY_BYTES: '-1', LOG_LEVEL: 'loud' }));
    expect(code).toBe(78);
    for (const name of ['API_PORT', 'MAX_BODY_BYTES', 'LOG_LEVEL']) expect(stderr).toContain(name);
  });

  it('beyond loopback without a key it exits 78 and says which setting is missing', async () => {
    const { API_KEY: _, ...without } = env({ API_HOST: '0.0.0.0' });
    const { code, stderr } = await runToEnd(without);
    expect([code, stderr.includes('API_KEY')]).toEqual([78, true]);
  });

  it('a port that is taken is fatal: exit 1', async () => {
    const api = await startProcess({ name: 'api', main: MAIN, execArgv, env: env() });
    const { code, stderr } = await runToEnd(env({ API_PORT: new URL(api.url).port }));
    expect([code, stderr.includes('EADDRINUSE')]).toEqual([1, true]);
    await api.stop();
  });
});
