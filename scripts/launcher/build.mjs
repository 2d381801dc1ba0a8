import { cpSync, mkdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { runCommand } from './run-command.mjs';
import { filesBelow, fingerprint, stampSays, workspaceFolders, writeStamp } from './stamp.mjs';

/** Files beside the sources that run as they are; `tsc` leaves them behind. */
const ASSET = /\.(lua|json|html|css|svg)$/;

/** Compiles the packages into their `dist` folders; nothing happens when neither sources nor products have changed. */
export async function buildPackages({ root, report, signal }) {
  const packages = workspaceFolders(root).filter((folder) => path.dirname(folder) === path.join(root, 'packages'));
  const sources = packages.flatMap((folder) => filesBelow(path.join(folder, 'src')));
  const settings = packages.flatMap((folder) =>
    ['package.json', 'tsconfig.json'].map((name) => path.join(folder, name)),
  );
  const inputs = [path.join(root, 'tsconfig.json'), path.join(root, 'tsconfig.base.json'), ...settings, ...sources];
  const stamp = path.join(root, 'node_modules', '.songmill-built');
  const before = fingerprint([process.version], inputs);
  if (stampSays(stamp, before + productsOf(packages))) return;
  await report.step('build', async () => {
    await runCommand('pnpm', ['exec', 'tsc', '-b'], { cwd: root, signal });
    for (const folder of packages) copyAssets(folder);
  });
  writeStamp(stamp, before + productsOf(packages));
}

/** Which products there are and how large: a `dist` that somebody removed or rebuilt by hand is noticed. */
function productsOf(packages) {
  const products = packages
    .flatMap((folder) => filesBelow(path.join(folder, 'dist')))
    .filter((file) => file.endsWith('.js') || ASSET.test(file));
  return fingerprint(
    products.map((file) => `${file} ${statSync(file, { throwIfNoEntry: false })?.size}`),
    [],
  );
}

function copyAssets(folder) {
  for (const file of filesBelow(path.join(folder, 'src'))) {
    if (!ASSET.test(file)) continue;
    const target = path.join(folder, 'dist', path.relative(path.join(folder, 'src'), file));
    mkdirSync(path.dirname(target), { recursive: true });
    cpSync(file, target);
  }
}
