import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { endLeftovers } from './leftovers.ts';
import { startProcess } from './processes.ts';

const LISTENS = `
  console.log('a line that is no JSON');
  process.stdout.write('{"msg":"listen');
  setImmediate(() => {
    console.log('ing","url":"http://127.0.0.1:1"}');
    console.log(JSON.stringify({ msg: 'settings', names: Object.keys(process.env).sort(), colour: process.env.COLOUR }));
  });
  process.on('SIGTERM', () => process.exit(0));
  setInterval(() => {}, 1000);
`;

describe('a process under test', () => {
  let folder: string;
  const script = (name: string, text: string) => {
    const path = join(folder, `${name}.mjs`);
    writeFileSync(path, text);
    return path;
  };
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'sgm-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('is ready when it has printed where it listens, even in two pieces', async () => {
    const started = await startProcess({ name: 'fake', main: script('listens', LISTENS), env: { COLOUR: 'red' } });
    expect(started.url).toBe('http://127.0.0.1:1');
    expect(await started.stop()).toEqual({ code: 0, signal: null });
    expect(existsSync(started.cwd)).toBe(false);
    const settings = started.lines().find((line) => line['msg'] === 'settings');
    expect(settings).toMatchObject({ colour: 'red' });
    expect(settings?.['names']).not.toContain('VITEST');
  });

  it('tells its whole output when it ends too early', async () => {
    const main = script('dies', `console.error('no such colour'); process.exit(78);`);
    await expect(startProcess({ name: 'fake', main, env: {} })).rejects.toThrow(/ended \(78\)[^]*no such colour/);
  });

  it('is killed when a test forgets it, and named', async () => {
    const forgotten = await startProcess({ name: 'forgotten', main: script('listens', LISTENS), env: {} });
    expect(endLeftovers()).toEqual(['process forgotten']);
    expect(await forgotten.exited).toEqual({ code: null, signal: 'SIGKILL' });
  });
});
