import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { requires } from '@songmill/shared/testing/requires';
import { parseFile } from 'music-metadata';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const PROJECT = fileURLToPath(new URL('../..', import.meta.url));

/** The launcher as it is, on the real processes, with its data elsewhere. */
describe('npm start -- --exit', requires('redis-server|valkey-server'), () => {
  let home: string;
  let output: string;

  beforeAll(() => {
    home = mkdtempSync(path.join(os.tmpdir(), 'sgm-home-'));
    const { PATH = '', HOME = '' } = process.env;
    const env = { PATH: `${path.dirname(process.execPath)}:${PATH}`, HOME, API_PORT: '0' };
    // Throws with all it printed unless every song succeeded.
    output = execFileSync('npm', ['start', '--', '--exit', '--home', home], { cwd: PROJECT, env, encoding: 'utf8' });
  });
  afterAll(() => rmSync(home, { recursive: true, force: true }));

  it('makes twenty songs that play and differ in length', async () => {
    const files = readdirSync(path.join(home, 'songs'));
    expect(files).toHaveLength(20);
    const lengths = await Promise.all(
      files.map(async (file) => {
        const { format } = await parseFile(path.join(home, 'songs', file), { duration: true });
        expect(format.container, file).toBe('MPEG');
        return format.duration ?? 0;
      }),
    );
    expect(Math.min(...lengths)).toBeGreaterThan(9);
    expect(new Set(lengths).size).toBeGreaterThan(10);
  });

  it('was charged for each once, and says so', () => {
    const ledger = readFileSync(path.join(home, 'data/ledger.jsonl'), 'utf8').trim().split('\n');
    const charges = ledger.map((line): { event: string } => JSON.parse(line)).filter(({ event }) => event === 'charge');
    expect(charges).toHaveLength(20);
    expect(output).toContain("billed: 20 calls, for 20 songs; the simulator's ledger says 20");
  });

  it('was told of each by a webhook whose signature verifies', () => {
    expect(output).toMatch(/^20 webhooks received, all signatures verified$/m);
  });

  it('made a voice and an instrumental, uploaded them, and used their ids', () => {
    const ledger = readFileSync(path.join(home, 'data/ledger.jsonl'), 'utf8').trim().split('\n');
    const uploads = ledger
      .map((line): { event: string; voice_id?: string; instrumental_id?: string } => JSON.parse(line))
      .filter(({ event }) => event === 'upload');
    expect(uploads).toHaveLength(2);
    const [voice] = uploads.flatMap((each) => each.voice_id ?? []);
    const [instrumental] = uploads.flatMap((each) => each.instrumental_id ?? []);
    expect(output).toContain(`"refer_voice":"${voice}","refer_instrumental":"${instrumental}"`);
  });

  it('lists the songs, names the next commands and keeps its secret', () => {
    for (const file of readdirSync(path.join(home, 'songs'))) expect(output).toContain(file);
    expect(output.match(/^curl /gm)).toHaveLength(3);
    expect(output).toMatch(/http:\/\/127\.0\.0\.1:\d+\/docs/);
    expect(output).not.toContain(readFileSync(path.join(home, 'data/api-key'), 'utf8').trim());
  });

  it('leaves nothing locked and nothing half written', () => {
    expect(existsSync(path.join(home, 'data/songmill.lock'))).toBe(false);
    expect(existsSync(path.join(home, 'data/redis/redis.sock'))).toBe(false);
    expect(readFileSync(path.join(home, 'data/logs/redis.log'), 'utf8')).toContain('ready to exit');
  });
});
