import { readdirSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { load } from './load.ts';
import { Scratch } from './scratch.ts';

const { isNewEnough, wantedTools } = await load('toolchain.mjs');

/** Installs what it is asked for: packages of the right version, with a `node` and a `pnpm` that run. Slowly. */
const FAKE_NPM = `#!/bin/sh
echo "$@" >> npm-calls
while [ $# -gt 0 ]; do
  case $1 in
    --prefix) shift; prefix=$1 ;;
    install|-*) ;;
    *) name=\${1%@*}; version=\${1##*@}
       mkdir -p "$prefix/node_modules/$name" "$prefix/node_modules/.bin"
       sleep 0.3
       echo "{\\"version\\":\\"$version\\"}" > "$prefix/node_modules/$name/package.json"
       [ "$name" = pnpm ] && bin=pnpm || bin=node
       printf '#!/bin/sh\\nexit 0\\n' > "$prefix/node_modules/.bin/$bin"
       chmod +x "$prefix/node_modules/.bin/$bin" ;;
  esac
  shift
done
`;

describe('the toolchain', () => {
  let scratch: Scratch;
  beforeEach(() => {
    scratch = new Scratch();
    scratch.remove('.tools');
    scratch.script('bin/npm', FAKE_NPM);
  });
  afterEach(() => scratch.dispose());

  const ensure = (version: string) => {
    const script = `
      import { createReport } from './scripts/launcher/report.mjs';
      import { ensureToolchain } from './scripts/launcher/toolchain.mjs';
      const running = { version: '${version}', platform: process.platform, arch: process.arch, execPath: process.execPath };
      const signal = new AbortController().signal;
      const found = await ensureToolchain({ root: process.cwd(), report: createReport(process.stdout), signal, running });
      console.log('node: ' + found.node);`;
    const env = { PATH: `${scratch.root}/bin:${process.env['PATH'] ?? ''}` };
    return scratch.run([process.execPath, '--input-type=module', '-e', script], env);
  };
  const npmCalls = () => scratch.read('npm-calls').trim().split('\n').filter(Boolean);
  const besides = () => readdirSync(scratch.root).filter((name) => name.startsWith('.tools.'));

  it('two first runs at once make one complete folder, filled once, and nothing beside it', async () => {
    const runs = [ensure('v20.0.0'), ensure('v20.0.0')];
    for (const run of runs) expect(await run.exited, run.output()).toMatchObject({ code: 0 });
    for (const run of runs) expect(run.output()).toContain(`node: ${scratch.root}/.tools/node_modules/.bin/node`);
    expect(npmCalls()).toHaveLength(1);
    expect(besides()).toEqual([]);
    expect(readdirSync(`${scratch.root}/.tools`)).toEqual(['node_modules']);
  });

  it('a run that was killed while it filled the folder leaves nothing that counts, and the next one cleans up', async () => {
    const killed = ensure('v20.0.0');
    while (npmCalls().length === 0 || besides().length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
    process.kill(-killed.pid, 'SIGKILL');
    await killed.exited;
    expect(besides()).toHaveLength(1);
    const next = ensure('v20.0.0');
    expect(await next.exited, next.output()).toMatchObject({ code: 0 });
    expect(besides()).toEqual([]);
    expect(npmCalls()).toHaveLength(2);
  });

  it('a complete folder is used without asking npm', async () => {
    await ensure('v20.0.0').exited;
    const again = ensure('v20.0.0');
    expect(await again.exited).toMatchObject({ code: 0 });
    expect(npmCalls()).toHaveLength(1);
  });

  it('another pinned version replaces the folder', async () => {
    await ensure('v20.0.0').exited;
    scratch.write('.tools/node_modules/pnpm/package.json', '{"version":"1.0.0"}');
    const again = ensure('v20.0.0');
    expect(await again.exited, again.output()).toMatchObject({ code: 0 });
    expect(npmCalls()).toHaveLength(2);
    expect(scratch.read('.tools/node_modules/pnpm/package.json')).not.toContain('1.0.0');
  });

  it('a new enough node is used as it is', async () => {
    const run = ensure(process.version);
    expect(await run.exited).toMatchObject({ code: 0 });
    expect(run.output()).toContain(`node: ${process.execPath}`);
    expect(npmCalls()[0]).not.toContain('node-');
  });

  it('a failing npm is shown with what it printed', async () => {
    scratch.script('bin/npm', '#!/bin/sh\necho "npm error network unreachable" >&2\nexit 7\n');
    const run = ensure('v20.0.0');
    expect((await run.exited).code).not.toBe(0);
    expect(run.output()).toContain('npm error network unreachable');
    expect(besides()).toEqual([]);
  });

  it.for([
    ['v18.20.0', false],
    ['v22.18.0', false],
    ['v22.19.0', true],
    ['v23.11.0', false],
    ['v24.0.0', true],
    ['v26.1.0', true],
  ] as const)('node %s is new enough: %s', ([version, expected]) => {
    expect(isNewEnough(version)).toBe(expected);
  });

  it('a platform without a published node is told to install one', () => {
    expect(() => wantedTools({ version: 'v20.0.0', platform: 'linux', arch: 's390x' })).toThrow(/Install Node 24/);
  });
});
