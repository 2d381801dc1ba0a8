import { openAsBlob } from 'node:fs';
import { basename } from 'node:path';
import { type Command, Option } from 'commander';
import type { Purpose, Reference } from '@songmill/shared/contract/reference';
import { CliError, EXIT, type Exit } from '../exit.ts';
import { type Attach, integer, type Task, within } from '../task.ts';

interface UploadOptions {
  readonly purpose: Purpose;
  readonly wait: boolean;
  readonly timeout?: number;
}

/** `references upload|list`. */
export function addReferenceCommands(program: Command, attach: Attach): void {
  const references = program.command('references').description('voices and instrumentals that songs refer to');
  attach<UploadOptions>(
    references
      .command('upload')
      .argument('<file>', 'wav or mp3, longer than 10 seconds, at most 10 minutes')
      .description('upload a voice or an instrumental')
      .addOption(
        new Option('--purpose <purpose>', 'what is taken from it: both, or one')
          .choices(['song', 'voice', 'instrumental'])
          .makeOptionMandatory(),
      )
      .option('--no-wait', 'only hand it in; songs may name it at once')
      .addOption(new Option('--timeout <seconds>', 'stop waiting after this').argParser(integer(1, 86_400))),
    upload,
  );
  attach<{ limit: number }>(
    references
      .command('list')
      .description('list references, newest first')
      .option('--limit <count>', 'how many at most', integer(1, 1_000_000), 20),
    list,
  );
}

async function upload(task: Task, [path = '']: readonly string[], options: UploadOptions): Promise<Exit> {
  const { client, signal } = task;
  const file = await blobOf(path);
  const input = { file, purpose: options.purpose, filename: basename(path) };
  const given = await client.references.upload(input, { signal });
  const reference = options.wait
    ? await within(task, options.timeout, (limited) => client.references.wait(given.id, { signal: limited }))
    : given;
  const lines = [
    `${reference.id} ${reference.status}`,
    reference.voice_id && `  voice ${reference.voice_id}`,
    reference.instrumental_id && `  instrumental ${reference.instrumental_id}`,
    reference.error && `  ${reference.error.code}: ${reference.error.message}`,
  ];
  await task.out.record(reference, lines.filter(Boolean).join('\n'));
  return reference.status === 'failed' ? EXIT.failure : EXIT.ok;
}

async function blobOf(path: string): Promise<Blob> {
  try {
    return await openAsBlob(path);
  } catch (error) {
    throw new CliError(`${path}: ${(error as Error).message}`, EXIT.invalidFile);
  }
}

async function list(
  { client, out, signal }: Task,
  _args: readonly string[],
  { limit }: { limit: number },
): Promise<void> {
  const found: Reference[] = [];
  for await (const reference of client.references.list({ limit: Math.min(limit, 100) }, { signal })) {
    found.push(reference);
    if (found.length === limit) break;
  }
  const rows = found.map((each) => [
    each.id,
    each.status,
    each.purpose,
    each.filename,
    each.voice_id,
    each.instrumental_id,
  ]);
  await out.table(found, ['ID', 'STATUS', 'PURPOSE', 'FILE', 'VOICE', 'INSTRUMENTAL'], rows);
}
