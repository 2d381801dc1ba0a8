import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { verifyWebhook } from '@songmill/client/webhooks';
import type { Generation } from '@songmill/shared/contract/generation';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { songmill, startSongmill } from '../testing/songmill-command.ts';
import { API_KEY, INSTRUMENTAL, startSystem, type TestSystem, VOICE } from '../testing/system.ts';
import { wav } from '../testing/wav.ts';

let system: TestSystem;
let folder: string;
let env: Record<string, string>;
beforeAll(async () => {
  system = await startSystem();
  folder = await mkdtemp(join(tmpdir(), 'sgm-'));
  env = { SONGMILL_URL: system.apis[0]!.url, SONGMILL_API_KEY: API_KEY };
});
afterAll(async () => {
  await system?.stop();
  await rm(folder, { recursive: true, force: true });
});

const cli = (...args: string[]) => songmill(args, { env, cwd: folder });
const json = (text: string) => JSON.parse(text) as Generation;
const generate = (lyrics: string, ...more: string[]) => [
  ...['generate', '--lyrics', lyrics, '--voice', VOICE, '--instrumental', INSTRUMENTAL, ...more],
];

describe('songmill', () => {
  it('makes a song, saves it, and ends with 0', async () => {
    const run = await cli(...generate('Paper boats', '--out', 'boats.mp3', '--metadata', 'mood=calm', '--json'));
    expect(run).toMatchObject({ code: 0, stderr: expect.stringContaining('boats.mp3') });
    const song = json(run.stdout);
    expect(song).toMatchObject({ status: 'succeeded', metadata: { mood: 'calm' } });
    const bytes = await readFile(join(folder, 'boats.mp3'));
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(song.result!.sha256);
    expect(json((await cli('get', song.id, '--json')).stdout)).toEqual(song);
    const piped = await cli('download', song.id, '--out', '-');
    expect(piped.code).toBe(0);
    const listed = await cli('list', '--limit', '1', '--json');
    expect(json(listed.stdout).id).toBe(song.id);
  });

  it('ends with 3 when the song does not succeed, and makes it again when asked', async () => {
    const run = await cli(...generate('Refused once [sim:code=1026,x1]'));
    expect(run).toMatchObject({ code: 3, stdout: expect.stringContaining('content_rejected') });
    const [id = ''] = run.stdout.split(' ');
    expect(await cli('watch', id)).toMatchObject({ code: 3 });
    expect(await cli('retry', id)).toMatchObject({ code: 0 });
    expect(await cli('watch', id, '--json')).toMatchObject({ code: 0 });
  });

  it('ends with 1 for what is not there, with the error as JSON when asked', async () => {
    const plain = await cli('get', 'gen_nobody');
    expect(plain).toMatchObject({ code: 1, stdout: '' });
    expect(plain.stderr).toMatch(/^songmill: 404 not_found/);
    const run = await cli('get', 'gen_nobody', '--json');
    expect(JSON.parse(run.stderr)).toMatchObject({ error: { exit: 1, code: 'not_found', status: 404 } });
  });

  it('ends with 2 for a command line that makes no sense, and for lyrics that cannot be sung', async () => {
    for (const args of [['sing'], ['get'], ['list', '--limit', 'many'], ['batch', 'submit'], ['queue', 'pause', 'x']]) {
      expect(await cli(...args), args.join(' ')).toMatchObject({ code: 2, stdout: '' });
    }
    const tooLong = await cli(...generate('la '.repeat(100)));
    expect(tooLong).toMatchObject({ code: 2, stderr: expect.stringContaining('300 characters') });
    const both = await songmill(['models'], { env: { ...env, SONGMILL_API_KEY_FILE: 'x' } });
    expect(both).toMatchObject({ code: 2 });
  });

  it('ends with 4 for a key that is wrong or may not', async () => {
    expect(await songmill(['list'], { env: { ...env, SONGMILL_API_KEY: 'sgm_wrong' } })).toMatchObject({ code: 4 });
    const { stdout } = await cli('keys', 'create', '--name', 'reader', '--scopes', 'read');
    const reader = { ...env, SONGMILL_API_KEY: stdout.trim() };
    expect(await songmill(['models'], { env: reader })).toMatchObject({ code: 0 });
    expect(await songmill(['queue', 'status'], { env: reader })).toMatchObject({ code: 4 });
    const [key] = (await cli('keys', 'list', '--json')).stdout.trim().split('\n');
    expect(await cli('keys', 'revoke', (JSON.parse(key!) as { id: string }).id)).toMatchObject({ code: 0 });
    expect(await songmill(['models'], { env: reader })).toMatchObject({ code: 4 });
  });

  it('ends with 5 when nobody answers, or somebody else', async () => {
    const away = await songmill(['models'], { env: { SONGMILL_URL: 'http://127.0.0.1:2', SONGMILL_API_KEY: 'x' } });
    expect(away).toMatchObject({ code: 5, stderr: expect.stringContaining('songmill doctor') });
    const nowhere = { SONGMILL_URL: 'http://127.0.0.1:2', SONGMILL_API_KEY: 'x' };
    for (const args of [['events'], ['batch', 'watch', 'bat_1'], ['watch', 'gen_1']]) {
      expect(await songmill(args, { env: nowhere }), args.join(' ')).toMatchObject({ code: 5 });
    }
    const other = createServer((_, response) => void response.end('<html>'));
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(other.address() as AddressInfo).port}`;
    expect(await songmill(['models', '--url', url], { env })).toMatchObject({ code: 5 });
    await new Promise((resolve) => other.close(resolve));
  });

  it('ends with 124 when the time to wait is over, and with 130 at Ctrl-C; the song goes on', async () => {
    const late = await cli(...generate('Slow [sim:latency=6000]', '--timeout', '1'));
    expect(late).toMatchObject({ code: 124, stderr: expect.stringMatching(/come back with: songmill watch gen_/) });
    const running = startSongmill(generate('Slower [sim:latency=6000]'), { env });
    await running.saidOnStderr(/gen_\w+ (queued|processing)/);
    running.interrupt();
    const run = await running.ended;
    expect(run).toMatchObject({ code: 130, stderr: expect.stringMatching(/songmill watch gen_/) });
    const [, id = ''] = /songmill watch (gen_\w+)/.exec(run.stderr)!;
    expect(await cli('watch', id)).toMatchObject({ code: 0 });
  });

  it('reads lyrics from a file or standard input, and the key from a file', async () => {
    await writeFile(join(folder, 'words.txt'), 'From a file,\r\ntwo lines\n');
    await writeFile(join(folder, 'key'), `${API_KEY}\n`);
    const keyed = { SONGMILL_URL: env['SONGMILL_URL']!, SONGMILL_API_KEY_FILE: 'key' };
    const args = ['generate', '--voice', VOICE, '--no-wait', '--json'];
    const fromFile = await songmill([...args, '--lyrics-file', 'words.txt'], { env: keyed, cwd: folder });
    expect(json(fromFile.stdout).request.lyrics).toBe('From a file,\ntwo lines');
    const piped = await songmill([...args, '--lyrics', '-'], { env: keyed, cwd: folder, stdin: 'Piped\n' });
    expect(json(piped.stdout).request.lyrics).toBe('Piped');
  });

  it('uploads a reference and lists it', async () => {
    await writeFile(join(folder, 'voice.wav'), Buffer.from(await wav(11).arrayBuffer()));
    const run = await cli('references', 'upload', 'voice.wav', '--purpose', 'voice', '--json');
    expect(run).toMatchObject({ code: 0, stderr: '' });
    expect(await cli('references', 'list')).toMatchObject({ code: 0, stdout: expect.stringContaining('voice.wav') });
    expect(await cli('references', 'upload', 'none.wav', '--purpose', 'voice')).toMatchObject({ code: 6 });
  });

  it('pauses and resumes the queue, and the doctor names the pause with its fix', async () => {
    expect(await cli('queue', 'pause', '--reason', 'the bill')).toMatchObject({ code: 0 });
    const sick = await cli('doctor');
    expect(sick).toMatchObject({
      code: 1,
      stdout: expect.stringMatching(/PROBLEM.*the bill\n\s+songmill queue resume/),
    });
    expect(await cli('queue', 'resume', 'generate')).toMatchObject({ code: 0 });
    expect(await cli('doctor')).toMatchObject({ code: 0 });
    expect((await cli('workers')).stdout).toMatch(/alive/);
  });

  it('the doctor tells each misconfiguration from the others', async () => {
    const url = system.apis[0]!.url;
    const cases: [Record<string, string>, number, RegExp][] = [
      [{ SONGMILL_URL: 'ftp://x' }, 2, /must begin with http/],
      [{ SONGMILL_URL: 'http://127.0.0.1:2' }, 5, /nothing listens there/],
      [{ SONGMILL_URL: 'http://nobody.invalid' }, 5, /no such host name/],
      [{ SONGMILL_URL: system.simulator.url }, 5, /something else than Songmill/],
      [{ SONGMILL_URL: url }, 4, /no API key is set/],
      [{ SONGMILL_URL: url, SONGMILL_API_KEY: 'sgm_wrong' }, 4, /is refused/],
      [{ SONGMILL_URL: url, SONGMILL_API_KEY: 'two words' }, 2, /holds a space/],
      [{ SONGMILL_URL: url, SONGMILL_API_KEY_FILE: '/nowhere' }, 2, /cannot be read/],
    ];
    for (const [settings, code, text] of cases) {
      const run = await songmill(['doctor'], { env: settings });
      expect(run, JSON.stringify(settings)).toMatchObject({ code, stdout: expect.stringMatching(text) });
    }
  });

  it('shows events as they happen, and forwards them to a receiver under the signature of the project', async () => {
    const told: { body: string; headers: Record<string, string> }[] = [];
    const receiver = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => (body += chunk.toString()));
      request.on('end', () => {
        told.push({ body, headers: request.headers as Record<string, string> });
        response.writeHead(204).end();
      });
    });
    await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/hooks`;
    const args = ['webhooks', 'listen', '--forward-to', url, '--events', 'generation.succeeded'];
    const listening = startSongmill(args, { env });
    await listening.saidOnStderr('signed with');
    // The stream begins some time after that; songs are made until one is told.
    await expect
      .poll(
        async () => {
          await cli(...generate('Told'));
          return told.length;
        },
        { timeout: 60_000 },
      )
      .toBeGreaterThan(0);
    listening.interrupt();
    expect(await listening.ended).toMatchObject({
      code: 130,
      stdout: expect.stringMatching(/succeeded gen_\w+ -> 204/),
    });
    await new Promise((resolve) => receiver.close(resolve));
    const { secret } = await system.client.webhookSecret.retrieve();
    const event = await verifyWebhook(told[0]!.body, told[0]!.headers, secret);
    expect(event).toMatchObject({ type: 'generation.succeeded', data: { status: 'succeeded' } });
  });

  it('completes its words in a shell', async () => {
    expect((await cli('complete-words', '--', 'batch')).stdout).toMatch(/^submit$/m);
    expect((await cli('complete-words', '--', 'batch', 'submit')).stdout).toMatch(/^--columns$/m);
    for (const shell of ['bash', 'zsh', 'fish']) {
      expect(await cli('completion', shell)).toMatchObject({
        code: 0,
        stdout: expect.stringContaining('complete-words'),
      });
    }
    expect(await cli('completion', 'sh')).toMatchObject({ code: 2 });
  });
});
