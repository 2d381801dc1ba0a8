// Stands in for the worker: while `data/open-call` exists it has a paid call open and does not end at a signal.
import { existsSync } from 'node:fs';
import { countSignals } from './count-signals.mjs';

process.stdout.write(`${JSON.stringify({ level: 30, msg: 'listening', url: 'http://127.0.0.1:1' })}\n`);
setInterval(() => {}, 60_000);
countSignals('worker', () => !existsSync('data/open-call'));
