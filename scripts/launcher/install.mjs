import { readFileSync } from 'node:fs';
import path from 'node:path';
import { runCommand } from './run-command.mjs';
import { fingerprint, isFolder, stampSays, workspaceFolders, writeStamp } from './stamp.mjs';

/** Installs the locked dependencies; nothing happens when neither they nor the Node that runs have changed. */
export async function installDependencies({ root, report, signal }) {
  const folders = [root, ...workspaceFolders(root)];
  const inputs = [
    path.join(root, 'pnpm-lock.yaml'),
    path.join(root, 'pnpm-workspace.yaml'),
    path.join(root, '.npmrc'),
    ...folders.map((folder) => path.join(folder, 'package.json')),
  ];
  // Inside node_modules, so that the stamp goes when they go.
  const stamp = path.join(root, 'node_modules', '.songmill-installed');
  const now = fingerprint([process.version, process.platform, process.arch], inputs);
  if (stampSays(stamp, now) && folders.every(hasItsModules)) return;
  await report.step('dependencies', () =>
    runCommand('pnpm', ['install', '--frozen-lockfile', '--prefer-offline'], { cwd: root, signal }).then(() => ''),
  );
  writeStamp(stamp, now);
}

/** pnpm gives a folder of links to every package that has dependencies. */
function hasItsModules(folder) {
  const manifest = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8'));
  const wanted = Object.keys({ ...manifest.dependencies, ...manifest.devDependencies });
  return wanted.length === 0 || isFolder(path.join(folder, 'node_modules'));
}
