import { existsSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { requires } from '@songmill/shared/testing/requires';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Scratch } from './scratch.ts';

describe('npm start', requires('redis-server|valkey-server'), () => {
  let scratch: Scratch;
  beforeEach(() => {
    scratch = new Scratch();
  });
  afterEach(() => scratch.dispose());

  it('a second one says which url serves and exits 0, with --exit 1', async () => {
    const first = scratch.start();
    const [, url] = await first.says(/serves at (http:\/\/\S+?);/);
    const second = scratch.start();
    expect(await second.exited).toMatchObject({ code: 0 });
    expect(second.output()).toContain(`already serves at ${url}`);
    const third = scratch.start(['--exit']);
    expect(await third.exited).toMatchObject({ code: 1 });
    expect(third.output()).toContain(`already serves at ${url}`);
    expect(await fetch(`${url}/readyz`).then((response) => response.status)).toBe(200);
    process.kill(first.pid, 'SIGTERM');
    await scratch.leftAfter(5000);
    expect(existsSync(path.join(scratch.root, 'data/songmill.lock'))).toBe(false);
  });

  it('a busy port gives another, said aloud', async () => {
    const occupant = net.createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => occupant.once('listening', resolve));
    const { port } = occupant.address() as net.AddressInfo;
    try {
      const npm = scratch.start(['--no-sample'], { API_PORT: String(port) });
      await npm.says(new RegExp(`port ${port} is busy; using .* instead`));
      const [, url = ''] = await npm.says(/serves at (http:\/\/\S+?);/);
      expect(new URL(url).port).not.toBe(String(port));
      expect(await fetch(url).then((response) => response.status)).toBe(200);
      process.kill(npm.pid, 'SIGTERM');
      expect(await scratch.leftAfter(5000)).toEqual([]);
    } finally {
      occupant.close();
    }
  });

  it('a process that was killed is started again, said aloud with its last lines', async () => {
    const npm = scratch.start();
    const [, url = ''] = await npm.says(/serves at (http:\/\/\S+?);/);
    const api = scratch.processes().find(({ command }) => command.includes('api/dist/main.js'));
    process.kill(api?.pid ?? 0, 'SIGKILL');
    await npm.says(
      /api ended unexpectedly \(by SIGKILL\)[^]*"listening"[^]*api starts again in 0\.5 s[^]*api runs again/,
    );
    expect(await fetch(url).then((response) => response.status)).toBe(200);
    process.kill(npm.pid, 'SIGTERM');
    expect(await scratch.leftAfter(5000)).toEqual([]);
  });

  it('a process that always ends at once is given up on, and everything stops with exit code 1', async () => {
    scratch.write('data/simulator-breaks', '');
    const npm = scratch.start();
    expect(await npm.exited).toMatchObject({ code: 1 });
    expect(npm.output()).toContain('the frame table is missing');
    expect(npm.output()).toContain('simulator ended 5 times in a row right after its start');
    expect(await scratch.leftAfter(5000)).toEqual([]);
  });

  it('with a real key and nobody to ask there is no sample, and --exit fails', async () => {
    const real = { UPSTREAM_API_KEY: 'made-up' };
    const once = scratch.start(['--exit'], real);
    expect(await once.exited).toMatchObject({ code: 1 });
    expect(once.output()).toMatch(/20 songs on the real upstream; the account of UPSTREAM_API_KEY pays/);
    const serving = scratch.start([], real);
    await serving.says(/Nobody is here to be asked[^]*serves at/);
    expect(scratch.processes().some(({ command }) => command.includes('simulator/dist'))).toBe(false);
    process.kill(serving.pid, 'SIGTERM');
    expect(await scratch.leftAfter(5000)).toEqual([]);
  });

  it('songs that wait since a run on the simulator are not made on a real account unasked', async () => {
    await scratch.start(['--no-sample', '--exit']).exited;
    scratch.write(
      'packages/client/dist/client.js',
      'export class Songmill { generations = { list: async () => ({ data: [{}, {}], has_more: false }) }; }\n',
    );
    const real = { UPSTREAM_API_KEY: 'made-up' };
    const unasked = scratch.start(['--no-sample', '--exit'], real);
    expect(await unasked.exited).toMatchObject({ code: 1 });
    expect(unasked.output()).toMatch(/2 songs that were asked for on the simulator still wait/);
    expect(existsSync(path.join(scratch.root, 'data/logs/worker.log.1'))).toBe(false);
    const agreed = scratch.start(['--no-sample', '--exit', '--yes'], real);
    expect(await agreed.exited, agreed.output()).toMatchObject({ code: 0 });
    expect(existsSync(path.join(scratch.root, 'data/logs/worker.log.1'))).toBe(true);
  });

  it('with --exit it ends by itself, in order, and nothing of that is a surprise', async () => {
    const npm = scratch.start(['--no-sample', '--exit']);
    expect(await npm.exited, npm.output()).toMatchObject({ code: 0 });
    expect(scratch.processes()).toEqual([]);
    expect(npm.output()).not.toMatch(/unexpectedly|again/);
    expect(scratch.read('data/stops.log').match(/ended, redis answers/g)).toHaveLength(3);
  });

  it('a failure of its own stops what was started, and is all it tells', async () => {
    scratch.write('packages/client/dist/client.js', 'throw new Error("a broken build");');
    const npm = scratch.start();
    expect(await npm.exited).toMatchObject({ code: 1 });
    expect(npm.output()).toContain('a broken build');
    expect(npm.output()).not.toMatch(/unexpectedly|again/);
    expect(await scratch.leftAfter(5000)).toEqual([]);
  });

  it('keeps its data in the folder given with --home', async () => {
    const npm = scratch.start(['--no-sample', '--home', 'elsewhere']);
    await npm.says(/serves at/);
    process.kill(npm.pid, 'SIGTERM');
    expect(await scratch.leftAfter(5000)).toEqual([]);
    expect(existsSync(path.join(scratch.root, 'elsewhere/data/logs/worker.log'))).toBe(true);
    expect(existsSync(path.join(scratch.root, 'data'))).toBe(false);
  });
});
