import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { mustBeEnded } from '@songmill/shared/testing/leftovers';
import type { Stage } from './dockerfile.ts';

const STEP_LIMIT_MS = 120_000;

export interface StageRun {
  readonly stage: Stage;
  /** Stands for the root folder of this stage's image. */
  readonly root: string;
  readonly context: string;
  /** Roots of the stages before, by name. */
  readonly stages: Readonly<Record<string, string>>;
  readonly env: NodeJS.ProcessEnv;
  /** Which RUN instructions are carried out. */
  readonly commands: (text: string) => boolean;
}

/**
 * Carries out WORKDIR, COPY and RUN of a stage in a folder, with a plain shell. What RUN writes outside of the
 * working folder is not held back, so commands must stay within it.
 * @throws Error with the output of the step that fails or takes two minutes
 */
export async function runStage({ stage, root, context, stages, env, commands }: StageRun): Promise<void> {
  let folder = root;
  for (const { keyword, text, words, from } of stage.steps) {
    if (keyword === 'WORKDIR') {
      folder = join(root, words[0]!);
      mkdirSync(folder, { recursive: true });
    } else if (keyword === 'COPY') {
      await copy(words, from === null ? context : stages[from]!, folder);
    } else if (keyword === 'RUN' && commands(text)) {
      await shell(text, [], folder, env);
    }
  }
}

/** As an image builder does: a folder gives its content, a file goes into a target that ends with a slash. */
const COPY = `
  mkdir -p "$(dirname "$2.")"
  if [ -d "$1" ]; then mkdir -p "$2"; cp -a "$1/." "$2"; else cp -a "$1" "$2"; fi`;

async function copy(words: readonly string[], source: string, folder: string): Promise<void> {
  for (const name of words.slice(0, -1)) {
    await shell(COPY, [join(source, name), join(folder, words.at(-1)!)], folder, process.env);
  }
}

/** Runs a script in a process group of its own, because a shell that is killed leaves what it started. */
async function shell(script: string, args: readonly string[], cwd: string, env: NodeJS.ProcessEnv): Promise<void> {
  const child = spawn('sh', ['-ec', script, 'step', ...args], {
    cwd,
    env,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  }
  const endNow = () => {
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
  };
  const ended = mustBeEnded(`step ${script}`, endNow);
  const limit = setTimeout(endNow, STEP_LIMIT_MS);
  try {
    const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
    if (code !== 0) throw new Error(`${script}\nended (${signal ?? code}):\n${output}`);
  } finally {
    clearTimeout(limit);
    ended();
  }
}
