#!/usr/bin/env node
/**
 * Behind `npm start`, `npm test` and every `npm run`. Plain JavaScript for Node >= 18, because it runs before
 * anything is installed: it brings the pinned pnpm and, when this Node is too old, a newer one, and then goes on
 * under that Node.
 */
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { explain } from './launcher/failure.mjs';
import { runUnder } from './launcher/relay.mjs';
import { createReport } from './launcher/report.mjs';
import { stopRequests } from './launcher/stop-requests.mjs';
import { ensureToolchain } from './launcher/toolchain.mjs';

const self = fileURLToPath(import.meta.url);
const root = path.dirname(path.dirname(self));
const [command = '', ...args] = process.argv.slice(2);
const COMMANDS = new Set(['start', 'test', 'bench', 'chaos', 'ssrf']);

async function main() {
  if (!COMMANDS.has(command)) {
    process.stderr.write('usage: node scripts/run.mjs start | test | bench | chaos | ssrf [options]\n');
    return 2;
  }
  const report = createReport(process.stdout);
  const stop = stopRequests();
  try {
    const { node, binFolder } = await ensureToolchain({ root, report, signal: stop.signal });
    process.env.PATH = `${binFolder}${path.delimiter}${process.env.PATH ?? ''}`;
    if (node !== process.execPath) {
      stop.release();
      return await runUnder(node, [self, command, ...args]);
    }
    // Loaded only now: these modules may use what Node 18 does not have.
    const { run } = await import(`./launcher/${command}.mjs`);
    return await run({ root, args, report, stop });
  } catch (error) {
    return explain(error, stop);
  }
}

// A closed terminal or pipe must not end a launcher that still has to stop its children.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
process.exitCode = await main();
// A stopping launcher owns nothing any more; a handle left by a library must not hold up the shell.
process.exit();
