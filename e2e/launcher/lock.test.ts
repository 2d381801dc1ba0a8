import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { load } from './load.ts';
import { Scratch } from './scratch.ts';

const { takeLock } = await load('lock.mjs');
const { startOf } = await load('process-identity.mjs');

describe('a lock', () => {
  let folder: string;
  let file: string;
  beforeEach(() => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'sgm-lock-'));
    file = path.join(folder, 'songmill.lock');
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('names its holder to whoever comes second, and is free again after release', () => {
    const first = takeLock(file, { url: null });
    first.update({ url: 'http://127.0.0.1:1' });
    expect(takeLock(file, {})).toMatchObject({
      taken: false,
      holder: { pid: process.pid, url: 'http://127.0.0.1:1', start: startOf(process.pid) },
    });
    first.release();
    first.update({ url: 'too late' });
    expect(readdirSync(folder)).toEqual([]);
    expect(takeLock(file, {})).toMatchObject({ taken: true, previous: null });
  });

  it('of a process that is gone is taken over, and its record is handed on', () => {
    const dead = { pid: 2 ** 22 + 1, start: '1', url: 'http://127.0.0.1:1', children: [{ pid: 3 }] };
    writeFileSync(file, JSON.stringify(dead));
    expect(takeLock(file, {})).toMatchObject({ taken: true, previous: dead });
    expect(readdirSync(folder)).toEqual(['songmill.lock']);
  });

  it('of a pid that another process has now is taken over', () => {
    writeFileSync(file, JSON.stringify({ pid: process.pid, start: 'before the last reboot' }));
    expect(takeLock(file, {})).toMatchObject({ taken: true });
  });

  it.for(['', '{', '[]', '{"pid":"1"}'])('that holds %j names nobody and is taken over', (text) => {
    writeFileSync(file, text);
    expect(takeLock(file, {})).toMatchObject({ taken: true, previous: null });
  });

  it('is released only by its holder', () => {
    const lock = takeLock(file, {});
    writeFileSync(file, JSON.stringify({ pid: 1, start: startOf(1) }));
    lock.release();
    expect(existsSync(file)).toBe(true);
  });

  it('that is stale goes to exactly one of many that come at once', async () => {
    const scratch = new Scratch();
    try {
      scratch.write('stale.lock', JSON.stringify({ pid: 2 ** 22 + 1, start: '1' }));
      const script = `
        import { takeLock } from './scripts/launcher/lock.mjs';
        const lock = takeLock('stale.lock', {});
        console.log(lock.taken ? 'mine' : 'held');
        process.stdin.resume();`;
      const runs = Array.from({ length: 8 }, () =>
        scratch.run([process.execPath, '--input-type=module', '-e', `${script} setInterval(() => {}, 1000);`]),
      );
      const answers = await Promise.all(runs.map((run) => run.says(/mine|held/)));
      expect(answers.filter(([answer]) => answer === 'mine')).toHaveLength(1);
    } finally {
      await scratch.dispose();
    }
  });
});
