import { execFile } from 'node:child_process';
import { mkdtemp, readFile, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { ROOT } from '@songmill/shared/testing/processes';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runTool } from '../checks/run-tool.ts';

const run = promisify(execFile);

/** A program of somebody who has installed the package. */
const PROGRAM = `
import { Songmill } from '@songmill/client';
import { isApiError } from '@songmill/client/errors';
import { verifyWebhook } from '@songmill/client/webhooks';

const songmill = new Songmill({ url: 'http://127.0.0.1:2', maxRetries: 0 });
try {
  const song = await songmill.generations.create({ lyrics: 'la', priority: 'bulk' });
  const status: 'succeeded' | 'failed' | 'canceled' | 'needs_review' | 'scheduled' | 'queued' | 'processing' = song.status;
  const batch = await songmill.batches.retrieve('bat_1');
  console.log(status, batch.counts.total, verifyWebhook);
} catch (error) {
  console.log(isApiError(error), (error as Error).name);
}
`;

describe('the package as it is published', () => {
  let folder: string;
  let installed: string;

  beforeAll(async () => {
    // Without links in its path, as programs are named by their real place.
    folder = await realpath(await mkdtemp(join(tmpdir(), 'sgm-')));
    installed = join(folder, 'node_modules', '@songmill', 'client');
    await run(process.execPath, [join(ROOT, 'scripts/pack-client.mjs'), installed]);
    for (const place of ['packages/client/node_modules/commander', 'packages/shared/node_modules/zod']) {
      await symlink(join(ROOT, place), join(folder, 'node_modules', basename(place)));
    }
    await writeFile(join(folder, 'package.json'), '{"type":"module"}');
    await writeFile(join(folder, 'program.ts'), PROGRAM);
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('names no package of ours that is not published, and depends on two of others', async () => {
    const { output } = await runTool('node', ['-e', FIND_FOREIGN, installed]);
    expect(output.trim()).toBe('');
    const manifest = JSON.parse(await readFile(join(installed, 'package.json'), 'utf8')) as Record<string, object>;
    expect(Object.keys(manifest['dependencies']!)).toEqual(['commander', 'zod']);
    expect(manifest).not.toHaveProperty('private');
  });

  it('has types that hold, and runs', async () => {
    const options = [
      '--noEmit',
      '--strict',
      '--module',
      'nodenext',
      '--target',
      'es2024',
      '--lib',
      'es2024,dom',
      '--skipLibCheck',
      'false',
    ];
    const types = await runTool('tsc', [...options, '--types', '', 'program.ts'], { cwd: folder });
    expect(types).toEqual({ code: 0, output: '' });
    const { stdout } = await run(process.execPath, ['program.ts'], { cwd: folder });
    expect(stdout).toBe('false ConnectionError\n');
  });

  it('brings the command, which works without this repository', async () => {
    const bin = join(installed, 'bin', 'songmill.mjs');
    const checked = await run(process.execPath, [bin, 'batch', 'validate', join(ROOT, 'examples/lyrics.csv')]);
    expect(checked.stderr).toContain('20 songs, 20 good, 0 bad');
  });
});

/** Prints files that import something of ours by another name than a relative one. */
const FIND_FOREIGN = `
const { globSync, readFileSync } = require('node:fs');
for (const file of globSync('dist/**/*.{js,ts}', { cwd: process.argv[1] })) {
  if (/from ['"]@songmill|import\\(['"]@songmill/.test(readFileSync(process.argv[1] + '/' + file, 'utf8'))) console.log(file);
}
`;
