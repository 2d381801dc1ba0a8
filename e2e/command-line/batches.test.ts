import { createHash } from 'node:crypto';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Batch, BatchQuote } from '@songmill/shared/contract/batch';
import type { Generation } from '@songmill/shared/contract/generation';
import { ROOT } from '@songmill/shared/testing/processes';
import { requires } from '@songmill/shared/testing/requires';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { songmill, startSongmill } from '../testing/songmill-command.ts';
import { API_KEY, startSystem, type TestSystem, VOICE } from '../testing/system.ts';

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
const batchOf = (text: string) => JSON.parse(text) as Batch;

async function csv(name: string, lyrics: readonly string[]): Promise<string> {
  const rows = lyrics.map((words, index) => `${name}-${index},"${words}"\n`);
  await writeFile(join(folder, `${name}.csv`), `custom_id,lyrics\n${rows.join('')}`);
  return `${name}.csv`;
}
const voice = ['--set', `refer_voice=${VOICE}`];

describe('a batch on the command line', () => {
  it('is made once, however often the same file is submitted; --again makes another', async () => {
    const file = await csv('once', ['la', 'lo']);
    const first = batchOf((await cli('batch', 'submit', file, ...voice, '--json')).stdout);
    const again = await cli('batch', 'submit', file, ...voice, '--watch', '--json');
    expect(again).toMatchObject({ code: 0, stderr: expect.stringContaining('was submitted before') });
    expect(batchOf(again.stdout)).toMatchObject({ id: first.id, status: 'completed' });
    await rename(join(folder, file), join(folder, 'renamed.csv'));
    const renamed = await cli('batch', 'submit', 'renamed.csv', ...voice, '--json');
    expect(batchOf(renamed.stdout).id).toBe(first.id);
    const other = await cli('batch', 'submit', 'renamed.csv', ...voice, '--again', '--json');
    expect(batchOf(other.stdout).id).not.toBe(first.id);
    const list = await cli('batch', 'list', '--json');
    expect(
      list.stdout
        .trim()
        .split('\n')
        .map((line) => batchOf(line).id),
    ).toContain(first.id);
  });

  it('costs nothing and makes nothing with --dry-run', async () => {
    const file = await csv('dry', ['la', 'x'.repeat(201)]);
    const before = (await cli('batch', 'list', '--limit', '100', '--json')).stdout;
    const run = await cli('batch', 'submit', file, ...voice, '--dry-run', '--json');
    expect(run.code).toBe(6);
    expect(JSON.parse(run.stdout) as BatchQuote).toMatchObject({ would_accept: false, total: 2, valid: 1, invalid: 1 });
    expect((await cli('batch', 'list', '--limit', '100', '--json')).stdout).toBe(before);
  });

  it('is refused with every bad line and exit 6, or made without them', async () => {
    const file = await csv('bad', ['la', 'x'.repeat(201), 'lo', '']);
    const run = await cli('batch', 'submit', file, ...voice);
    expect(run).toMatchObject({ code: 6, stdout: '' });
    expect(run.stderr).toMatch(/^bad\.csv:3:2: \/lyrics 201 characters/m);
    expect(run.stderr).toMatch(/^bad\.csv:5/m);
    const json = await cli('batch', 'submit', file, ...voice, '--json');
    expect(JSON.parse(json.stderr)).toMatchObject({ error: { exit: 6, errors: [{ line: 3 }, { line: 5 }] } });
    const skipped = await cli('batch', 'submit', file, ...voice, '--skip-invalid', '--watch', '--json');
    expect(skipped.code).toBe(3);
    expect(batchOf(skipped.stdout).counts).toMatchObject({ total: 4, succeeded: 2, skipped: 2 });
  });

  it('is left by Ctrl-C, which says how to come back, and goes on', async () => {
    const file = await csv('left', ['[sim:latency=3000] slow', 'quick']);
    const running = startSongmill(['batch', 'submit', file, ...voice, '--watch'], { env, cwd: folder });
    await running.saidOnStderr(/\[#*\.+\] \d\/2 made/);
    running.interrupt();
    const run = await running.ended;
    expect(run.code).toBe(130);
    const [, id = ''] = /come back with: songmill batch watch (bat_\w+)/.exec(run.stderr)!;
    expect(await cli('batch', 'watch', id, '--timeout', '1')).toMatchObject({ code: 124 });
    expect(await cli('batch', 'watch', id)).toMatchObject({ code: 0, stdout: expect.stringContaining('2 of 2 songs') });
  });

  it('is not made twice when Ctrl-C falls into its upload', async () => {
    const file = await csv('upload', ['la', 'lo']);
    const slow = createServer(() => undefined);
    await new Promise<void>((resolve) => slow.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(slow.address() as AddressInfo).port}`;
    const running = startSongmill(['batch', 'submit', file, ...voice, '--url', url], { env, cwd: folder });
    await once(slow, 'request');
    running.interrupt();
    const run = await running.ended;
    expect(run).toMatchObject({
      code: 130,
      stderr: expect.stringContaining('the same command again makes nothing twice'),
    });
    await new Promise((resolve) => slow.close(resolve));
  });

  it('gives its songs, verified, and downloads only what is not there', async () => {
    const file = await csv('songs', ['a', 'b', 'c']);
    const { id } = batchOf((await cli('batch', 'submit', file, ...voice, '--watch', '--json')).stdout);
    await mkdir(join(folder, 'songs'));
    expect(await cli('batch', 'results', id, '--out', 'songs')).toMatchObject({
      code: 0,
      stdout: '3 songs verified in songs\n',
    });
    const names = (await readdir(join(folder, 'songs'))).sort();
    expect(names).toEqual(['0-songs-0.mp3', '1-songs-1.mp3', '2-songs-2.mp3', 'manifest.jsonl']);
    const manifest = (await readFile(join(folder, 'songs/manifest.jsonl'), 'utf8'))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Generation & { file: string });
    for (const song of manifest) {
      const bytes = await readFile(join(folder, 'songs', song.file));
      expect(createHash('sha256').update(bytes).digest('hex')).toBe(song.result!.sha256);
    }
    const whole = await readFile(join(folder, 'songs/1-songs-1.mp3'));
    await writeFile(
      join(folder, 'songs/1-songs-1.mp3'),
      whole.map((byte) => byte ^ 1),
    );
    await utimes(join(folder, 'songs/0-songs-0.mp3'), 1, 1);
    const again = await cli('batch', 'results', id, '--out', 'songs', '--json');
    expect(JSON.parse(again.stdout)).toMatchObject({ songs: 3, saved: 1, there: 2, failures: [] });
    expect(await readFile(join(folder, 'songs/1-songs-1.mp3'))).toEqual(whole);
    const lines = await cli('batch', 'results', id);
    expect(lines.stdout.trim().split('\n')).toHaveLength(3);
    expect((await cli('batch', 'results', id, '--format', 'csv')).stdout).toMatch(/songs-2/);
    const zip = await cli('batch', 'results', id, '--format', 'zip', '--out', 'songs.zip');
    expect(zip).toMatchObject({ code: 0, stderr: expect.stringMatching(/^songs\.zip: \d+ bytes/) });
    expect((await readFile(join(folder, 'songs.zip'))).subarray(0, 4).toString('latin1')).toBe('PK\u0003\u0004');
  });

  it('is canceled, and its lines without a song can be submitted again as they are', async () => {
    const file = await csv('stopped', ['la', 'lo', 'lu']);
    await system.client.queues.pause('generate');
    const { id } = batchOf((await cli('batch', 'submit', file, ...voice, '--json')).stdout);
    expect(await cli('batch', 'cancel', id)).toMatchObject({ code: 0 });
    expect(await cli('batch', 'watch', id, '--json')).toMatchObject({ code: 3 });
    expect(batchOf((await cli('batch', 'status', id, '--json')).stdout)).toMatchObject({ status: 'canceled' });
    await system.client.queues.resume('generate');
    const errors = await cli('batch', 'errors', id);
    await writeFile(join(folder, 'again.jsonl'), errors.stdout);
    const again = await cli('batch', 'submit', 'again.jsonl', '--watch', '--json');
    expect(again.code).toBe(0);
    expect(batchOf(again.stdout).counts).toMatchObject({ total: 3, succeeded: 3 });
    expect(await cli('batch', 'retry', id, '--status', 'canceled', '--watch')).toMatchObject({ code: 0 });
  });
});

describe('the example of a batch', requires('curl', 'sh', 'awk'), () => {
  it('makes a thousand songs of a spreadsheet although a share is refused at first', async () => {
    const program = `${process.execPath} ${join(ROOT, 'packages/client/bin/songmill.mjs')}`;
    const { stdout } = await promisify(execFile)('sh', [join(ROOT, 'examples/batch.sh')], {
      cwd: folder,
      env: { PATH: process.env['PATH'], ...env, SONGMILL: program, SIMULATOR_URL: system.simulator.url },
    });
    expect(stdout).toMatch(/1000 songs in batch-example\/songs\n$/);
    const { counts, status } = batchOf(await readFile(join(folder, 'batch-example/batch.json'), 'utf8'));
    expect({ counts, status }).toMatchObject({
      status: 'completed_with_errors',
      counts: { succeeded: 950, failed: 50 },
    });
    expect((await readdir(join(folder, 'batch-example/songs'))).filter((name) => name.endsWith('.mp3'))).toHaveLength(
      1000,
    );
  });
});
