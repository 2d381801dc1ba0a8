#!/usr/bin/env node
/**
 * Makes the folder that is published as @songmill/client: `node scripts/pack-client.mjs <folder>`, after a build.
 * The shapes of the public contract come into the package, because the package that holds them here is not published.
 */
import { cpSync, globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const client = path.join(root, 'packages', 'client');
const shared = path.join(root, 'packages', 'shared');
const target = path.resolve(process.argv[2] ?? 'packed-client');

copyBuilt(path.join(client, 'dist'), path.join(target, 'dist'));
copyBuilt(path.join(shared, 'dist', 'contract'), path.join(target, 'dist', 'contract'));
cpSync(path.join(client, 'bin'), path.join(target, 'bin'), { recursive: true });
for (const file of [path.join(client, 'README.md'), path.join(root, 'LICENSE')]) {
  cpSync(file, path.join(target, path.basename(file)));
}
writeFileSync(path.join(target, 'package.json'), `${JSON.stringify(packageOf(), null, 2)}\n`);

/** Programs and types, without tests; imports of the contract become relative. */
function copyBuilt(from, to) {
  for (const file of globSync('**/*.{js,d.ts}', { cwd: from })) {
    if (/(^|\/)testing\/|\.test\./.test(file)) continue;
    const text = readFileSync(path.join(from, file), 'utf8')
      .replaceAll(/(['"])@songmill\/shared\/contract\/([\w-]+)\1/g, (_, quote, name) => {
        const relative = path.posix.relative(path.posix.dirname(file), `contract/${name}.js`);
        return `${quote}${relative.startsWith('.') ? '' : './'}${relative}${quote}`;
      })
      .replaceAll(/^\/\/# sourceMappingURL=.*$/gm, '');
    const place = path.join(to, file);
    mkdirSync(path.dirname(place), { recursive: true });
    writeFileSync(place, text);
  }
}

function packageOf() {
  const own = JSON.parse(readFileSync(path.join(client, 'package.json'), 'utf8'));
  const { dependencies } = JSON.parse(readFileSync(path.join(shared, 'package.json'), 'utf8'));
  const exports = Object.fromEntries(
    Object.entries(own.exports).map(([name, { source: _source, ...built }]) => [name, built]),
  );
  return {
    name: own.name,
    version: own.version,
    description: own.description,
    license: own.license,
    type: own.type,
    engines: own.engines,
    bin: own.bin,
    exports,
    files: ['bin', 'dist'],
    sideEffects: ['./dist/cli/main.js'],
    dependencies: { commander: own.dependencies.commander, zod: dependencies.zod },
  };
}
