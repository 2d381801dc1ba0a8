import { join } from 'node:path';
import type { SecretScan } from './secret-scan.ts';
import { namesIn } from './songs.ts';

/** What the clients, the upstream and the processes wrote down: looked through for secrets, and for nothing else. */
export async function readLogs(data: string, scan: SecretScan): Promise<void> {
  const written = (await namesIn(data)).filter((name) => name.endsWith('.jsonl'));
  const logs = (await namesIn(join(data, 'logs'))).map((name) => join('logs', name));
  for (const name of [...written, ...logs]) await scan.lookInFile(name, join(data, name));
}
