import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ROOT } from '@songmill/shared/testing/processes';
import { requires } from '@songmill/shared/testing/requires';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { codeBlock } from '../checks/code-blocks.ts';
import { API_KEY, startSystem, type TestSystem } from '../testing/system.ts';

const run = promisify(execFile);
let system: TestSystem;
let folder: string;

beforeAll(async () => {
  system = await startSystem();
  folder = await mkdtemp(join(tmpdir(), 'sgm-'));
  await mkdir(join(folder, 'data'));
  await writeFile(join(folder, 'data', 'api-key'), API_KEY);
  // Programs of the README stand where the client is installed.
  await symlink(join(ROOT, 'e2e', 'node_modules'), join(folder, 'node_modules'));
});
afterAll(async () => {
  await system.stop();
  await rm(folder, { recursive: true, force: true });
});

const here = (text: string) => text.replaceAll('http://127.0.0.1:8080', system.apis[0]!.url);
const shell = (text: string, env: Record<string, string> = {}) =>
  run('sh', ['-ec', here(text)], { cwd: folder, env: { ...process.env, ...env }, encoding: 'buffer' });

describe('the README', requires('curl'), () => {
  it('has a first own request that gives a song, and a command that downloads it', async () => {
    const made = await shell(codeBlock('README.md', 3).text);
    const generation = JSON.parse(made.stdout.toString()) as {
      status: string;
      result: { audio_url: string; bytes: number };
    };
    expect(generation.status).toBe('succeeded');
    await shell(codeBlock('README.md', 4).text, { AUDIO_URL: generation.result.audio_url });
    const { stdout } = await run('sh', ['-c', 'wc -c < song.mp3'], { cwd: folder });
    expect(Number(stdout)).toBe(generation.result.bytes);
  });
});

describe('the README’s spreadsheet', requires('npx'), () => {
  it('becomes songs by three commands, which may be repeated', async () => {
    await symlink(join(ROOT, 'examples'), join(folder, 'examples'));
    const env = { SONGMILL_URL: system.apis[0]!.url };
    const first = await shell(codeBlock('README.md', 6).text, env);
    expect(first.stdout.toString()).toContain('20 songs verified in my-songs\n');
    const again = await shell(codeBlock('README.md', 6).text, env);
    expect(again.stdout.toString()).toContain('20 songs verified in my-songs, 20 of them were there\n');
    expect((await system.client.batches.list()).data).toHaveLength(1);
  });
});

describe('the README’s program', () => {
  it('makes a song through the client', async () => {
    await writeFile(join(folder, 'song.mjs'), codeBlock('README.md', 5).text);
    const { stdout } = await run(process.execPath, ['song.mjs'], {
      cwd: folder,
      env: { ...process.env, SONGMILL_URL: system.apis[0]!.url, SONGMILL_API_KEY: API_KEY },
    });
    expect(stdout).toMatch(/^succeeded \/v1\/generations\/gen_\w+\/audio\n$/);
  });
});
