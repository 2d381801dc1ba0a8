import { existsSync } from 'node:fs';
import path from 'node:path';
import { requires } from '@songmill/shared/testing/requires';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Scratch } from './scratch.ts';

describe('npm test', requires('redis-server|valkey-server'), () => {
  let scratch: Scratch;
  beforeEach(() => {
    scratch = new Scratch();
    scratch.script('.tools/node_modules/.bin/pnpm', '#!/bin/sh\necho "$@" >> pnpm-calls\nmkdir -p node_modules\n');
    scratch.write(
      'scripts/test.mjs',
      "console.log(`${process.argv.slice(2).join(' ')}\\n3 passed, 1 failed`); process.exitCode = 4;",
    );
  });
  afterEach(() => scratch.dispose());

  const test = (...args: string[]) => scratch.run(['npm', 'test', '--loglevel=silent', '--', ...args]);
  const pnpmCalls = () => scratch.read('pnpm-calls').trim().split('\n').filter(Boolean);
  const INSTALL = 'install --frozen-lockfile --prefer-offline';
  const BUILD = 'exec tsc -b';

  it("gives the runner's options, last line and exit code through, and does not touch ./data", async () => {
    const run = test('--quick');
    expect(await run.exited).toMatchObject({ code: 4 });
    expect(run.output()).toMatch(/--quick\n3 passed, 1 failed\n$/);
    expect(existsSync(path.join(scratch.root, 'data'))).toBe(false);
    expect(scratch.processes()).toEqual([]);
  });

  it('works beside a running npm start', async () => {
    const start = scratch.start();
    await start.says(/serves at/);
    expect(await test().exited).toMatchObject({ code: 4 });
    expect(scratch.processes().some(({ command }) => command.includes('worker/dist'))).toBe(true);
    process.kill(start.pid, 'SIGTERM');
    expect(await scratch.leftAfter(5000)).toEqual([]);
  });

  it('installs and builds again only what has changed', async () => {
    await test().exited;
    expect(pnpmCalls()).toEqual([INSTALL, BUILD]);
    await test().exited;
    expect(pnpmCalls()).toHaveLength(2);

    scratch.write('packages/api/src/new.ts', 'export const a = 1;\n');
    await test().exited;
    expect(pnpmCalls().slice(2)).toEqual([BUILD]);

    scratch.write('packages/api/dist/main.js', 'changed by hand');
    await test().exited;
    expect(pnpmCalls().slice(3)).toEqual([BUILD]);

    scratch.write('pnpm-lock.yaml', 'changed\n');
    await test().exited;
    expect(pnpmCalls().slice(4)).toEqual([INSTALL]);

    scratch.remove('node_modules');
    await test().exited;
    expect(pnpmCalls().slice(5)).toEqual([INSTALL, BUILD]);
  });

  it('copies what the compiler leaves behind', async () => {
    scratch.write('packages/shared/src/runtime/records/accept.lua', 'return 1\n');
    scratch.write('packages/shared/package.json', '{}');
    await test().exited;
    expect(scratch.read('packages/shared/dist/runtime/records/accept.lua')).toBe('return 1\n');
  });

  it('a failing build is shown, fails the run, and is tried again by the next', async () => {
    scratch.script(
      '.tools/node_modules/.bin/pnpm',
      '#!/bin/sh\nmkdir -p node_modules\n[ "$1" = exec ] && echo "main.ts(1,1): wrong" && exit 2\nexit 0\n',
    );
    for (let n = 0; n < 2; n++) {
      const run = test();
      expect(await run.exited).toMatchObject({ code: 1 });
      expect(run.output()).toContain('main.ts(1,1): wrong');
    }
  });

  it('two at once do not install at once', async () => {
    scratch.script(
      '.tools/node_modules/.bin/pnpm',
      '#!/bin/sh\necho "$@" >> pnpm-calls\nmkdir -p node_modules\nmkdir busy || echo overlap >> pnpm-calls\nsleep 0.3\nrmdir busy\n',
    );
    const runs = [test(), test()];
    for (const run of runs) expect(await run.exited).toMatchObject({ code: 4 });
    expect(pnpmCalls()).toEqual([INSTALL, BUILD]);
  });

  it.for(['SIGTERM', 'SIGKILL', 'SIGINT'] as const)('%s ends the runner too', async (signal) => {
    scratch.write('scripts/test.mjs', "console.log('testing'); setInterval(() => {}, 1000);");
    const run = test();
    await run.says(/testing/);
    process.kill(signal === 'SIGINT' ? -run.pid : run.pid, signal);
    expect(await scratch.leftAfter(5000)).toEqual([]);
  });
});
