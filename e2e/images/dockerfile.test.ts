import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { settingsSchema } from '@songmill/shared/runtime/settings';
import { ROOT } from '@songmill/shared/testing/processes';
import { validate } from 'dockerfile-utils';
import { describe, expect, it } from 'vitest';
import { isIgnored } from './context.ts';
import { DOCKERFILE, environmentOf, readStages } from './dockerfile.ts';

const text = readFileSync(DOCKERFILE, 'utf8');
const stages = readStages();
const last = stages.at(-1)!;
const wordsOf = (keyword: string) =>
  last.steps.filter((step) => step.keyword === keyword).flatMap(({ words }) => words);

describe('the Dockerfile', () => {
  it('has no fault that a linter finds', () => {
    expect(validate(text).map(({ message, range }) => [range.start.line + 1, message])).toEqual([]);
    expect(validate('FROM node:24\nRUNN true\n')).toHaveLength(1);
  });

  it('builds in one stage and runs in another, on the same Node', () => {
    expect(stages.map(({ name, base }) => [name, base])).toEqual([
      ['build', 'node:24-bookworm-slim'],
      [null, 'node:24-bookworm-slim'],
    ]);
  });

  it('brings exactly the pnpm that npm start brings', async () => {
    const { wantedTools } = (await import(join(ROOT, 'scripts/launcher/toolchain.mjs'))) as {
      wantedTools(running: { version: string; platform: string; arch: string }): { pnpm: string };
    };
    const { pnpm } = wantedTools({ version: 'v24.0.0', platform: 'linux', arch: 'x64' });
    expect(/\bpnpm@(\S+)/.exec(text)?.[1]).toBe(pnpm);
  });

  it('installs only what the lockfile says', () => {
    const installs = stages[0]!.steps.flatMap((step) => step.text.match(/pnpm (?:install|fetch)[^&]*/g) ?? []);
    expect(installs.length).toBeGreaterThan(0);
    for (const install of installs) expect(install).toContain('--frozen-lockfile');
  });

  it('runs as a user without rights, says how it is stopped, and asks itself whether it lives without a shell', () => {
    expect(wordsOf('USER')).toEqual(['1000:1000']);
    expect(wordsOf('STOPSIGNAL')).toEqual(['SIGTERM']);
    expect(text).toMatch(/^HEALTHCHECK .*CMD \["node", "scripts\/health\.mjs"\]$/m);
    expect(wordsOf('CMD')).toEqual(['node', 'packages/api/dist/main.js']);
  });

  it('keeps songs and the spool in volumes, and sets nothing but settings', () => {
    const { NODE_ENV, ...env } = environmentOf(last);
    expect(NODE_ENV).toBe('production');
    expect(Object.keys(env).filter((name) => !(name in settingsSchema.shape))).toEqual([]);
    expect(settingsSchema.safeParse(env).error).toBeUndefined();
    expect(wordsOf('VOLUME')).toEqual([env['STORAGE_URL']!.replace('file:', ''), env['SPOOL_DIR']]);
  });

  it('labels the image with the version of the workspace', () => {
    const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };
    expect(text).toMatch(new RegExp(`^ARG VERSION=${version.replaceAll('.', String.raw`\.`)}$`, 'm'));
    const labels = last.steps.find(({ keyword }) => keyword === 'LABEL')!.values;
    expect(Object.keys(labels).toSorted()).toEqual(
      ['description', 'licenses', 'revision', 'title', 'version'].map((name) => `org.opencontainers.image.${name}`),
    );
  });
});

describe('what is sent to a builder of images', () => {
  const ignoreFile = readFileSync(join(ROOT, '.dockerignore'), 'utf8');

  it('is what the build needs', () => {
    const needed = [
      'package.json',
      'pnpm-lock.yaml',
      '.npmrc',
      'LICENSE',
      'packages/api/src/main.ts',
      'scripts/health.mjs',
    ];
    expect(needed.filter((file) => isIgnored(file, ignoreFile))).toEqual([]);
  });

  it('is no secret, song, history or product', () => {
    const others = [
      '.env',
      '.env.example',
      'data/api-key',
      'songs/a.mp3',
      '.git/config',
      'node_modules/zod/package.json',
    ];
    const nested = [
      'packages/api/node_modules/zod/x.js',
      'packages/api/dist/main.js',
      'packages/api/.env',
      'packages/api/data/api-key',
    ];
    expect([...others, ...nested, 'demo.env'].filter((file) => !isIgnored(file, ignoreFile))).toEqual([]);
  });
});
