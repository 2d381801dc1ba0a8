import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { configurationPage } from './generate/configuration-page.mjs';
import { envExample } from './generate/env-example.mjs';
import { faultList } from './generate/fault-list.mjs';
import { retriesPage } from './generate/retries-page.mjs';

/**
 * Writes every generated file: `node --conditions=source scripts/generate.mjs [--check | --list] [file …]`.
 * `--check` writes nothing, names each file that differs and exits 1 if any does; `--list` prints the names.
 * Needs the project's own Node, which runs the TypeScript sources as they are.
 */
const root = fileURLToPath(new URL('..', import.meta.url));

/** @type {{ file: string, make: () => string | Promise<string> }[]} */
const GENERATED = [
  { file: '.env.example', make: envExample },
  { file: 'docs/configuration.md', make: configurationPage },
  { file: 'docs/errors.md', make: async () => (await api('request/errors-page.ts')).errorsMarkdown() },
  { file: 'docs/openapi.json', make: openapi },
  { file: 'docs/retries.md', make: retries },
  { file: 'e2e/faults.md', make: () => faultList(root) },
];

/** Loaded only when a file needs it: the API's modules load a web framework and more. */
function api(module) {
  return import(new URL(`../packages/api/src/${module}`, import.meta.url));
}

async function retries() {
  const tables = await Promise.all(
    ['shared/src/contract/outcomes.ts', 'worker/src/upstream/codes.ts'].map(
      (file) => import(new URL(`../packages/${file}`, import.meta.url)),
    ),
  );
  return retriesPage(Object.assign({}, ...tables));
}

async function openapi() {
  const [{ openapiDocument }, { ROUTES }] = await Promise.all([api('request/openapi.ts'), api('routes.ts')]);
  return `${JSON.stringify(openapiDocument(ROUTES), null, 2)}\n`;
}

const options = process.argv.slice(2).filter((argument) => argument.startsWith('--'));
const only = process.argv.slice(2).filter((argument) => !argument.startsWith('--'));
const unknown = [
  ...options.filter((option) => option !== '--check' && option !== '--list'),
  ...only.filter((name) => !GENERATED.some(({ file }) => file === name)),
];
if (unknown.length > 0) {
  console.error(`unknown: ${unknown.join(', ')}`);
  process.exit(2);
}
for (const { file, make } of GENERATED) {
  if (only.length > 0 && !only.includes(file)) continue;
  if (options.includes('--list')) {
    console.log(file);
    continue;
  }
  const path = join(root, file);
  const text = await make();
  const same = existsSync(path) && readFileSync(path, 'utf8') === text;
  if (same) continue;
  if (options.includes('--check')) {
    console.error(`${file} is not what scripts/generate.mjs makes of its sources; run it`);
    process.exitCode = 1;
    continue;
  }
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  console.log(`wrote ${file}`);
}
