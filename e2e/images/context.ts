import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ROOT } from '@songmill/shared/testing/processes';

/**
 * Whether a `.dockerignore` leaves this file out. Of the patterns that match the file or a folder
 * above it the last one counts; `!` takes back; `*` stops at a slash, `**` does not.
 * https://docs.docker.com/build/concepts/context/#dockerignore-files
 */
export function isIgnored(file: string, ignoreFile: string): boolean {
  const parts = file.split('/');
  const paths = parts.map((_, index) => parts.slice(0, index + 1).join('/'));
  let ignored = false;
  for (const line of ignoreFile.split('\n').map((each) => each.trim())) {
    if (line === '' || line.startsWith('#')) continue;
    const takesBack = line.startsWith('!');
    const pattern = regularExpressionOf(takesBack ? line.slice(1) : line);
    if (paths.some((path) => pattern.test(path))) ignored = !takesBack;
  }
  return ignored;
}

function regularExpressionOf(pattern: string): RegExp {
  const source = pattern
    .split(/(\*\*\/|\*\*|\*|\?)/)
    .map((part) => WILDCARDS[part] ?? part.replaceAll(/[.+^${}()|[\]\\]/g, String.raw`\$&`))
    .join('');
  return new RegExp(`^${source}$`);
}

const WILDCARDS: Readonly<Record<string, string>> = { '**/': '(?:.*/)?', '**': '.*', '*': '[^/]*', '?': '[^/]' };

/** Copies what a builder of images would be sent from this working folder, as far as git knows or would add it. */
export function makeContext(folder: string): void {
  const ignoreFile = readFileSync(join(ROOT, '.dockerignore'), 'utf8');
  const listing = ['ls-files', '-z', '--cached', '--others', '--exclude-standard'];
  const files = execFileSync('git', listing, { cwd: ROOT, encoding: 'utf8' }).split('\0');
  for (const file of new Set(files)) {
    if (file === '' || isIgnored(file, ignoreFile) || !existsSync(join(ROOT, file))) continue;
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    cpSync(join(ROOT, file), join(folder, file));
  }
}
