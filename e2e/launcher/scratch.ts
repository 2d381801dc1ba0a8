import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const PROJECT = fileURLToPath(new URL('../..', import.meta.url));
const FAKES = fileURLToPath(new URL('fakes', import.meta.url));
const LOOK_MS = 20;

/** What a command wrote, and how it ended. */
export interface Running {
  readonly process: ChildProcess;
  readonly pid: number;
  output(): string;
  /** Resolves with the first match in the output; rejects when the command ends without it. */
  says(pattern: RegExp): Promise<RegExpExecArray>;
  readonly exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
}

/**
 * A project folder of its own: the real launcher, with stand-ins for pnpm and for the processes it keeps running, so
 * that nothing is downloaded and nothing of the real project is touched. Every process started in it carries a mark.
 */
export class Scratch {
  readonly root: string;
  readonly #mark = randomUUID();

  constructor() {
    // The real path, because that is what the kernel says about a process.
    this.root = realpathSync(mkdtempSync(path.join(os.tmpdir(), 'sgm-')));
    cpSync(path.join(PROJECT, 'scripts'), path.join(this.root, 'scripts'), { recursive: true });
    cpSync(path.join(PROJECT, 'examples'), path.join(this.root, 'examples'), { recursive: true });
    cpSync(path.join(PROJECT, 'package.json'), path.join(this.root, 'package.json'));
    writeFileSync(path.join(this.root, 'pnpm-lock.yaml'), '');
    for (const name of ['api', 'worker', 'simulator']) {
      const dist = path.join(this.root, 'packages', name, 'dist');
      mkdirSync(dist, { recursive: true });
      cpSync(path.join(FAKES, `${name}.mjs`), path.join(dist, 'main.js'));
      cpSync(path.join(FAKES, 'count-signals.mjs'), path.join(dist, 'count-signals.mjs'));
      this.write(`packages/${name}/package.json`, '{"type":"module"}');
    }
    this.write('packages/client/package.json', '{"type":"module"}');
    this.write('packages/client/dist/client.js', 'export class Songmill {}\n');
    this.pretendPnpm();
  }

  /** A `.tools` that holds the wanted pnpm, which does nothing. */
  pretendPnpm(): void {
    const source = readFileSync(path.join(PROJECT, 'scripts/launcher/toolchain.mjs'), 'utf8');
    const version = /PNPM = '([\d.]+)'/.exec(source)?.[1];
    this.write('.tools/node_modules/pnpm/package.json', JSON.stringify({ version }));
    this.script('.tools/node_modules/.bin/pnpm', '#!/bin/sh\nmkdir -p node_modules\n');
  }

  /**
   * A `node` that says it is Node 20, and a `.tools` that holds the newer one.
   *
   * @returns the PATH on which it is found first
   */
  async pretendOldNode(): Promise<string> {
    const { wantedTools } = await import(path.join(this.root, 'scripts/launcher/toolchain.mjs'));
    const wanted: Record<string, string> = wantedTools({ ...process, version: 'v20.0.0' });
    for (const [name, version] of Object.entries(wanted)) {
      this.write(`.tools/node_modules/${name}/package.json`, JSON.stringify({ version }));
    }
    symlinkSync(process.execPath, path.join(this.root, '.tools/node_modules/.bin/node'));
    this.write('bin/old.cjs', "Object.defineProperty(process, 'version', { value: 'v20.0.0' });\n");
    this.script('bin/node', `#!/bin/sh\nexec "${process.execPath}" --require "${this.root}/bin/old.cjs" "$@"\n`);
    return `${path.join(this.root, 'bin')}:${process.env['PATH'] ?? ''}`;
  }

  write(file: string, text: string): void {
    const full = path.join(this.root, file);
    mkdirSync(path.dirname(full), { recursive: true });
    writeFileSync(full, text);
  }

  script(file: string, text: string): void {
    this.write(file, text);
    chmodSync(path.join(this.root, file), 0o755);
  }

  /** What a file holds, nothing when it is not there. */
  read(file: string): string {
    const full = path.join(this.root, file);
    return existsSync(full) ? readFileSync(full, 'utf8') : '';
  }

  remove(file: string): void {
    rmSync(path.join(this.root, file), { recursive: true, force: true });
  }

  /** Runs a command in the folder, as the leader of a process group like a shell's foreground job. */
  run(command: readonly string[], env: Record<string, string> = {}): Running {
    const [program = '', ...args] = command;
    const child = spawn(program, args, {
      cwd: this.root,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...plainEnvironment(), SONGMILL_TEST_MARK: this.#mark, ...env },
    });
    let output = '';
    let ended = false;
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text;
      });
    }
    const exited = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (code, signal) => {
        ended = true;
        resolve({ code, signal });
      });
    });
    exited.catch(() => {});
    return {
      process: child,
      pid: child.pid ?? 0,
      output: () => output,
      exited,
      async says(pattern) {
        for (;;) {
          const last = ended;
          const match = pattern.exec(output);
          if (match !== null) return match;
          if (last) throw new Error(`ended without ${pattern}:\n${output}`);
          await sleep(LOOK_MS);
        }
      },
    };
  }

  /** `npm start` in this folder, on a port that is picked when it starts. */
  start(args: readonly string[] = ['--no-sample'], env: Record<string, string> = {}): Running {
    return this.run(['npm', 'start', '--', ...args], { API_PORT: '0', ...env });
  }

  /**
   * Every running process of this folder: pid and command line. Found by the mark in its environment, or by where it
   * works, because Redis writes its title over its environment. Zombies have neither.
   */
  processes(): { pid: number; command: string }[] {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .flatMap((name) => {
        try {
          const ours =
            readFileSync(`/proc/${name}/environ`, 'utf8').includes(this.#mark) ||
            readlinkSync(`/proc/${name}/cwd`).startsWith(this.root);
          if (!ours) return [];
          const command = readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ');
          return [{ pid: Number(name), command }];
        } catch {
          return []; // Ended while we looked, or somebody else's.
        }
      });
  }

  /** The processes left when `ms` are over; returns as soon as there are none. */
  async leftAfter(ms: number): Promise<{ pid: number; command: string }[]> {
    const until = performance.now() + ms;
    for (;;) {
      const left = this.processes();
      if (left.length === 0 || performance.now() > until) return left;
      await sleep(LOOK_MS);
    }
  }

  /** Ends whatever a failed test left and removes the folder. */
  async dispose(): Promise<void> {
    for (const { pid } of this.processes()) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It ended by itself.
      }
    }
    await this.leftAfter(5000);
    rmSync(this.root, { recursive: true, force: true });
  }
}

/** This environment without what npm, the runner and somebody's settings put into it. */
function plainEnvironment(): Record<string, string> {
  const { PATH = '', HOME = '', TMPDIR } = process.env;
  const node = path.dirname(process.execPath);
  return { PATH: `${node}:${PATH}`, HOME, ...(TMPDIR === undefined ? {} : { TMPDIR }) };
}
