#!/usr/bin/env node
/** Starts the command line on a Node that is new enough: this one, or the one that the launcher has brought. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const [major, minor] = process.versions.node.split('.').map(Number);
const newEnough = major > 22 || (major === 22 && minor >= 12);
const workspace = new URL('../../../', import.meta.url);
const brought = fileURLToPath(new URL('.tools/node_modules/.bin/node', workspace));
const main = new URL('../dist/cli/main.js', import.meta.url);

if (newEnough && existsSync(main)) {
  await import(main.href);
} else if (newEnough || !existsSync(brought)) {
  const reason = newEnough ? 'not built yet' : `Node 22.12 or newer is needed, this is ${process.version}`;
  process.stderr.write(`songmill: ${reason}; run \`npm start\` once, which sets everything up\n`);
  process.exitCode = 1;
} else {
  const child = spawn(brought, process.argv.slice(1), { stdio: 'inherit' });
  // The child decides what a signal means. A terminal sends SIGINT to both, and twice means something else.
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  process.on('SIGINT', () => process.stdin.isTTY || child.kill('SIGINT'));
  child.on('exit', (code, signal) => {
    process.exitCode = code ?? (signal === 'SIGINT' ? 130 : 1);
  });
}
