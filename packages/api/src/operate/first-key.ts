import { mkdir, open, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { SCOPES } from '@songmill/shared/contract/words';
import { newId, newToken } from '@songmill/shared/runtime/ids';
import type { Logger } from '@songmill/shared/runtime/logger';
import { countApiKeys, createApiKey, leaseFirstApiKey } from '@songmill/shared/runtime/records/api-keys';
import type { RecordStore } from '@songmill/shared/runtime/records/store';
import { digest } from '../request/auth.ts';
import { newApiKey } from './new-api-key.ts';

interface Deps {
  readonly store: RecordStore;
  readonly logger: Logger;
  /** Where the file `api-key` goes. */
  readonly dataDir: string;
  /** Writes a line for the person at the terminal; null when there is none. */
  readonly terminal: ((line: string) => void) | null;
}

const LEASE_MS = 10_000;

/**
 * Makes the first key of an installation, once: with every scope, for the project `default`. Of
 * several processes that start together the holder of a lease in Redis does it. The key reaches the
 * person before it is stored: the other way round, a crash in between would leave a key nobody knows.
 */
export async function makeFirstKey({ store, logger, dataDir, terminal }: Deps): Promise<void> {
  if ((await countApiKeys(store)) > 0) return;
  const lease = newToken();
  if (!(await leaseFirstApiKey(store, lease, LEASE_MS))) return;
  const key = newApiKey();
  const file = join(dataDir, 'api-key');
  if (terminal === null) await writeSecret(dataDir, file, key);
  const answer = await createApiKey(store, {
    ...{ id: newId('key'), name: 'first key', project: 'default', scopes: SCOPES, expiresMs: null },
    ...{ sha256: digest(key).toString('hex'), last4: key.slice(-4), idempotency: null, firstLease: lease },
  });
  if (answer.outcome !== 'created') return;
  if (terminal === null) logger.info({ file }, 'the first API key is in this file');
  else terminal(`The first API key, shown this once: ${key}`);
}

/** Whole or not at all, readable by its owner alone. */
async function writeSecret(dir: string, file: string, secret: string): Promise<void> {
  await mkdir(dir, { recursive: true });
  const temporary = `${file}.${newToken()}`;
  const handle = await open(temporary, 'wx', 0o600);
  try {
    await handle.writeFile(`${secret}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(temporary, file);
}
