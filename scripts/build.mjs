#!/usr/bin/env node
/** Compiles the packages where pnpm and the dependencies are already there, as in an image: `node scripts/build.mjs`. */
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildPackages } from './launcher/build.mjs';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
await buildPackages({ root, report: { step: (_name, work) => work() }, signal: undefined });
