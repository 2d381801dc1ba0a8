// Stands in for the simulator. `data/simulator-breaks` makes it end right after its start.
import { existsSync } from 'node:fs';
import { countSignals } from './count-signals.mjs';

if (existsSync('data/simulator-breaks')) {
  process.stdout.write('the frame table is missing\n');
  process.exit(1);
}
process.stdout.write(`${JSON.stringify({ level: 30, msg: 'listening', url: 'http://127.0.0.1:2' })}\n`);
setInterval(() => {}, 60_000);
countSignals('simulator');
