import { requires } from '@songmill/shared/testing/requires';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Running, Scratch } from './scratch.ts';

/** The launcher's processes below npm and its shell: one, or two when an older Node had to bring a newer one. */
function launchersOf(scratch: Scratch): number[] {
  return scratch
    .processes()
    .filter(({ command }) => /run\.mjs start/.test(command) && !/^(sh|npm)/.test(command))
    .map(({ pid }) => pid)
    .sort((a, b) => a - b);
}

function watchdogOf(scratch: Scratch): number {
  return scratch.processes().find(({ command }) => command.includes('watchdog.mjs'))?.pid ?? 0;
}

const WAYS: readonly [string, (npm: Running, scratch: Scratch) => void][] = [
  ['TERM to npm', (npm) => process.kill(npm.pid, 'SIGTERM')],
  ['KILL to npm', (npm) => process.kill(npm.pid, 'SIGKILL')],
  ['INT to the group', (npm) => process.kill(-npm.pid, 'SIGINT')],
  ['KILL to the launcher', (_npm, scratch) => process.kill(launchersOf(scratch).at(-1) ?? 0, 'SIGKILL')],
];

const KILL_OLDER: (typeof WAYS)[number] = [
  'KILL to the older half',
  (_npm, scratch) => process.kill(launchersOf(scratch)[0] ?? 0, 'SIGKILL'),
];

describe('stopping npm start', requires('redis-server|valkey-server'), () => {
  let scratch: Scratch;
  beforeEach(() => {
    scratch = new Scratch();
  });
  afterEach(() => scratch.dispose());

  it.for(WAYS)('%s leaves no process after 5 s, signals each child once and stops redis last', async ([, stop]) => {
    const npm = scratch.start();
    await npm.says(/serves at/);
    expect(scratch.processes().map(({ command }) => command)).toEqual(
      expect.arrayContaining([expect.stringContaining('redis-server'), expect.stringContaining('worker/dist/main.js')]),
    );
    stop(npm, scratch);
    expect(await scratch.leftAfter(5000)).toEqual([]);
    expect(scratch.read('data/stops.log').trim().split('\n').sort()).toEqual([
      'api ended, redis answers',
      'api got SIGTERM',
      'simulator ended, redis answers',
      'simulator got SIGTERM',
      'worker ended, redis answers',
      'worker got SIGTERM',
    ]);
    expect(scratch.read('data/logs/redis.log')).toMatch(/ready to exit/);
  });

  it.for(WAYS)('%s lets an open paid call end first, with what it needs', async ([, stop]) => {
    const npm = scratch.start();
    await npm.says(/serves at/);
    scratch.write('data/open-call', '');
    stop(npm, scratch);
    while (!scratch.read('data/stops.log').includes('api ended'))
      await new Promise((resolve) => setTimeout(resolve, 20));
    const left = scratch.processes().map(({ command }) => command);
    for (const needed of ['worker/dist', 'simulator/dist', 'redis-server']) {
      expect(left).toContainEqual(expect.stringContaining(needed));
    }
    scratch.remove('data/open-call');
    expect(await scratch.leftAfter(5000)).toEqual([]);
    expect(scratch.read('data/stops.log')).toContain('worker ended, redis answers');
  });

  it.for([...WAYS, KILL_OLDER])('%s does so too when an older node had to bring a newer one', async ([, stop]) => {
    const path = await scratch.pretendOldNode();
    const npm = scratch.start(['--no-sample'], { PATH: path });
    await npm.says(/serves at/);
    expect(launchersOf(scratch)).toHaveLength(2);
    stop(npm, scratch);
    expect(await scratch.leftAfter(5000)).toEqual([]);
    expect(scratch.read('data/stops.log').match(/worker got/g)).toHaveLength(1);
  });

  it('a second Ctrl-C ends at once, and redis still writes its file', async () => {
    const npm = scratch.start();
    await npm.says(/serves at/);
    scratch.write('data/open-call', '');
    process.kill(-npm.pid, 'SIGINT');
    await npm.says(/Ctrl-C again: at once/);
    // Signals of one Ctrl-C come together; a person needs longer than that for a second one.
    await new Promise((resolve) => setTimeout(resolve, 800));
    expect(scratch.read('data/stops.log').match(/worker got/g)).toHaveLength(1);
    process.kill(-npm.pid, 'SIGINT');
    expect(await scratch.leftAfter(5000)).toEqual([]);
    expect(scratch.read('data/logs/redis.log')).toMatch(/ready to exit/);
  });

  it('a run after a killed one waits until that has drained, and then serves', async () => {
    const first = scratch.start();
    await first.says(/serves at/);
    scratch.write('data/open-call', '');
    process.kill(launchersOf(scratch)[0] ?? 0, 'SIGKILL');
    await first.exited;
    const second = scratch.start();
    await second.says(/open paid calls are finished first/);
    expect(second.output()).not.toMatch(/serves at/);
    scratch.remove('data/open-call');
    await second.says(/serves at/);
    process.kill(second.pid, 'SIGTERM');
    expect(await scratch.leftAfter(5000)).toEqual([]);
  });

  it('KILL to the watchdog stops everything, redis last, and exits 1', async () => {
    const npm = scratch.start();
    await npm.says(/serves at/);
    process.kill(watchdogOf(scratch), 'SIGKILL');
    expect(await npm.exited).toMatchObject({ code: 1 });
    expect(await scratch.leftAfter(5000)).toEqual([]);
    expect(scratch.read('data/stops.log').match(/got SIGTERM/g)).toHaveLength(3);
    expect(scratch.read('data/stops.log')).not.toContain('redis is gone');
  });

  it('a run after one whose launcher and watchdog were killed first stops what that left behind', async () => {
    const first = scratch.start();
    await first.says(/serves at/);
    process.kill(watchdogOf(scratch), 'SIGSTOP');
    process.kill(launchersOf(scratch)[0] ?? 0, 'SIGKILL');
    process.kill(watchdogOf(scratch), 'SIGKILL');
    await first.exited;
    const left = scratch.processes().map(({ pid }) => pid);
    expect(left).toHaveLength(4);
    const second = scratch.start();
    await second.says(/stopping what a killed run left behind: .*redis[^]*serves at/);
    const now = scratch.processes().map(({ pid }) => pid);
    expect(left.filter((pid) => now.includes(pid))).toEqual([]);
    process.kill(second.pid, 'SIGTERM');
    expect(await scratch.leftAfter(5000)).toEqual([]);
  });
});
