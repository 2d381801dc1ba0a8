import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { liveIn, lookForOwner } from './owner.ts';

let folder: string;
const children: ChildProcess[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sgm-'));
});
afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
  }
  await rm(folder, { recursive: true });
});

/** Another process that lives in the folder. */
async function ownerProcess(where: string): Promise<ChildProcess> {
  const program = `
    const { liveIn } = await import(${JSON.stringify(new URL('./owner.ts', import.meta.url).href)});
    await liveIn(process.argv[1]);
    process.stdout.write('lives');
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--conditions=source', '--input-type=module', '--eval', program, where], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  await once(child.stdout, 'data');
  return child;
}

describe('who owns a folder of the spool', () => {
  it('is alive as long as its process is, under any name of the folder', async () => {
    const child = await ownerProcess(folder);
    expect(await lookForOwner(folder)).toBe('alive');
    await rename(folder, `${folder}-moved`);
    expect(await lookForOwner(`${folder}-moved`)).toBe('alive');
    await rename(`${folder}-moved`, folder);
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(await lookForOwner(folder)).toBe('dead');
  });

  it('fault: is alive while its process is stopped, however often others ask', async () => {
    const child = await ownerProcess(folder);
    child.kill('SIGSTOP');
    const asked = await Promise.all(Array.from({ length: 50 }, () => lookForOwner(folder)));
    expect(new Set(asked)).toEqual(new Set(['alive']));
  });

  it('is unknown where nobody has left word, or on a copy of the folder', async () => {
    expect(await lookForOwner(folder)).toBe('unknown');
    const own = join(folder, 'own');
    await mkdir(own);
    const life = await liveIn(own);
    await cp(own, join(folder, 'copy'), { recursive: true, filter: (path) => !path.endsWith('/alive') });
    await writeFile(join(folder, 'copy', 'alive'), '');
    expect(await lookForOwner(join(folder, 'copy'))).toBe('unknown');
    await life.stop();
  });

  it('lives in a folder whose path is longer than the name of a socket may be', async () => {
    const deep = join(folder, 'a'.repeat(200));
    await mkdir(deep);
    const life = await liveIn(deep);
    expect(await lookForOwner(deep)).toBe('alive');
    await life.stop();
    expect(await lookForOwner(deep)).toBe('unknown');
  });
});
