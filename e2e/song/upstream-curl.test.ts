import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { requires } from '@songmill/shared/testing/requires';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { API_KEY, INSTRUMENTAL, startSystem, type TestSystem, VOICE } from '../testing/system.ts';

const run = promisify(execFile);
let system: TestSystem;
beforeAll(async () => {
  system = await startSystem();
});
afterAll(() => system.stop());

/** The command of the upstream's own page, with another host, path and key. Its values stand in quotes. */
async function upstreamsCurl(voice: string, instrumental: string, lyrics: string) {
  const { stdout } = await run('curl', [
    ...['--silent', '--location', '--request', 'POST', `${system.apis[0]!.url}/v1/generations`],
    ...['--header', `Authorization: Bearer ${API_KEY}`],
    ...['--form', `refer_voice="${voice}"`, '--form', `refer_instrumental="${instrumental}"`],
    ...['--form', `lyrics="${lyrics}"`, '--form', 'model="music-01"'],
    ...['--write-out', '\n%{http_code}'],
  ]);
  const at = stdout.lastIndexOf('\n');
  return { status: Number(stdout.slice(at + 1)), body: JSON.parse(stdout.slice(0, at)) as Record<string, unknown> };
}

describe('the curl command of the upstream’s page', requires('curl'), () => {
  it('makes a song when its three empty values are filled in', async () => {
    const { status, body } = await upstreamsCurl(VOICE, INSTRUMENTAL, '##Two lines of song,\nit is not long##');
    expect(status).toBe(202);
    const settled = await system.client.generations.wait(body['id'] as string);
    expect(settled).toMatchObject({
      status: 'succeeded',
      request: { lyrics: '##Two lines of song,\nit is not long##', refer_voice: VOICE, model: 'music-01' },
    });
  });

  it('is refused with every missing value named when they are left empty', async () => {
    const { calls } = await system.sim.ledger();
    const { status, body } = await upstreamsCurl('', '', '');
    expect(status).toBe(422);
    const named = JSON.stringify(body['errors']);
    for (const field of ['refer_voice', 'refer_instrumental', 'lyrics']) expect(named).toContain(field);
    expect((await system.sim.ledger()).calls).toBe(calls);
  });
});
