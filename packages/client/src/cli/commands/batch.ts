import { createWriteStream } from 'node:fs';
import { Writable } from 'node:stream';
import { type Command, Option } from 'commander';
import type { Batch } from '@songmill/shared/contract/batch';
import { GENERATION_ERROR_CODES, type GenerationErrorCode } from '@songmill/shared/contract/words';
import { DOWNLOADS_AT_ONCE, saveResults } from '../batch/results.ts';
import { columnsOf, type FileOptions } from '../batch/source.ts';
import { submitFile, type SubmitFlags } from '../batch/submit.ts';
import { summaryOf, watchBatch } from '../batch/watch.ts';
import { EXIT, type Exit } from '../exit.ts';
import { type Attach, integer, pair, type Task, words } from '../task.ts';

interface WatchOptions {
  readonly watch?: true;
  readonly timeout?: number;
}

interface ResultsFlags {
  readonly out?: string;
  readonly format?: 'jsonl' | 'csv' | 'zip';
  readonly parallel: number;
}

const timeout = () =>
  new Option('--timeout <seconds>', 'stop watching after this; the batch goes on').argParser(integer(1, 31_536_000));
const watch = () => new Option('--watch', 'wait until it is settled, and show how far it is');

/** `batch validate|submit|list|watch|status|results|errors|retry|resolve|cancel`. */
export function addBatchCommands(program: Command, attach: Attach): void {
  const batch = program.command('batch').description('many songs from one file');
  attach<FileOptions & { split?: string }>(
    fileOptions(batch.command('validate').description('find every bad line of a file, without a server')).option(
      '--split <file>',
      'cut lyrics that are too long at their stanzas, and write all items here (NDJSON; - is stdout)',
    ),
    async (task, [path = ''], options) => {
      const { validateCommand } = await import('../batch/validate-command.ts');
      return validateCommand(task, path, options);
    },
  );
  attach<FileOptions & SubmitFlags & WatchOptions>(
    fileOptions(batch.command('submit').description('make a song of every line of a file'))
      .option('--name <name>', 'what the batch is called')
      .option('--metadata <name=value>', 'a note on the batch; may be given again', pair)
      .option('--skip-invalid', 'leave bad lines out instead of refusing the file')
      .option('--dry-run', 'only say what it would cost and which lines are bad')
      .option('--again', 'make a new batch of a file that was submitted before')
      .option('-o, --out <folder>', 'wait, and save the songs here, verified; what is there already is left')
      .addOption(watch())
      .addOption(timeout()),
    submitFile,
  );
  attach<{ limit: number }>(
    batch
      .command('list')
      .description('list batches, newest first')
      .option('--limit <count>', 'how many at most', integer(1, 1_000_000), 20),
    list,
  );
  attach<WatchOptions>(
    batch.command('watch').argument('<id>').description('follow a batch until it is settled').addOption(timeout()),
    (task, [id = ''], { timeout: seconds }) => watchBatch(task, id, seconds),
  );
  attach(
    batch.command('status').argument('<id>').description('show how far a batch is'),
    async ({ client, out, signal }, [id = '']) => show(out, await client.batches.retrieve(id, { signal })),
  );
  attach<ResultsFlags>(
    batch
      .command('results')
      .argument('<id>')
      .description('save the songs, or print what became of them')
      .option('-o, --out <folder>', 'save the songs here, verified; with --format zip or csv: the file')
      .addOption(new Option('--format <format>', 'print the records instead').choices(['jsonl', 'csv', 'zip']))
      .option('--parallel <count>', 'downloads at once', integer(1, 64), DOWNLOADS_AT_ONCE),
    results,
  );
  attach<{ skipped?: true }>(
    batch
      .command('errors')
      .argument('<id>')
      .description('print the items without a song, as lines that can be submitted again')
      .option('--skipped', 'lines that were refused, too'),
    async ({ client, out, signal }, [id = ''], { skipped }) => {
      const include = skipped ? 'skipped' : undefined;
      await pipe(await client.batches.errors(id, { signal, include }), out);
    },
  );
  addActions(batch, attach);
}

function addActions(batch: Command, attach: Attach): void {
  attach<WatchOptions & { status?: string; errorCodes?: readonly GenerationErrorCode[] }>(
    batch
      .command('retry')
      .argument('<id>')
      .description('make what failed or was canceled again')
      .addOption(new Option('--status <status>', 'only these').choices(['failed', 'canceled']))
      .addOption(
        new Option('--error-codes <codes>', `only these, of ${GENERATION_ERROR_CODES.join(',')}`).argParser(words),
      )
      .addOption(watch())
      .addOption(timeout()),
    async (task, [id = ''], { status, errorCodes, ...options }) => {
      const filter = {
        ...(status ? { status: [status as 'failed'] } : {}),
        ...(errorCodes ? { error_codes: errorCodes } : {}),
      };
      return ended(task, await task.client.batches.retry(id, filter, { signal: task.signal }), options);
    },
  );
  attach<WatchOptions & { charged: 'yes' | 'no'; action: 'retry' | 'fail' }>(
    batch
      .command('resolve')
      .argument('<id>')
      .description('settle what needs review')
      .addOption(
        new Option('--charged <yes|no>', 'whether the last calls were billed')
          .choices(['yes', 'no'])
          .makeOptionMandatory(),
      )
      .addOption(new Option('--action <action>', 'what to do now').choices(['retry', 'fail']).makeOptionMandatory())
      .addOption(watch())
      .addOption(timeout()),
    async (task, [id = ''], { charged, action, ...options }) => {
      const resolution = { charged: charged === 'yes', action };
      return ended(task, await task.client.batches.resolve(id, resolution, { signal: task.signal }), options);
    },
  );
  attach(
    batch.command('cancel').argument('<id>').description('start no further song of a batch'),
    async ({ client, out, signal }, [id = '']) => show(out, await client.batches.cancel(id, { signal })),
  );
}

function fileOptions(command: Command): Command {
  return command
    .argument('<file>', 'CSV, NDJSON or JSON')
    .addOption(
      new Option('--format <format>', 'what the file is, if its name does not tell').choices(['csv', 'ndjson', 'json']),
    )
    .addOption(new Option('--columns <map>', 'CSV: field:Header,field:Header, as lyrics:Text').argParser(columnsOf))
    .addOption(
      new Option('--extra-columns <what>', 'CSV: what to do with other columns').choices([
        'reject',
        'ignore',
        'metadata',
      ]),
    )
    .option('--delimiter <character>', 'CSV: found from the header unless given')
    .option(
      '--set <field=value>',
      'for every item that does not say otherwise, as refer_voice=vocal-1; may be given again',
      pair,
    );
}

async function list(
  { client, out, signal }: Task,
  _args: readonly string[],
  { limit }: { limit: number },
): Promise<void> {
  const found: Batch[] = [];
  for await (const each of client.batches.list({ limit: Math.min(limit, 100) }, { signal })) {
    found.push(each);
    if (found.length === limit) break;
  }
  const rows = found.map(({ id, status, counts, name, created_at }) => [
    ...[id, status, `${counts.succeeded}/${counts.total}`, counts.failed, name, created_at],
  ]);
  await out.table(found, ['ID', 'STATUS', 'MADE', 'FAILED', 'NAME', 'CREATED'], rows);
}

async function results(
  task: Task,
  [id = '']: readonly string[],
  { out: path, format, parallel }: ResultsFlags,
): Promise<Exit> {
  const { client, out, signal } = task;
  if (path !== undefined && format === undefined) return saveResults(task, id, path, parallel);
  if (path === undefined || path === '-') await pipe(await client.batches.results(id, { format, signal }), out);
  else if (format === 'zip') {
    const file = Writable.toWeb(createWriteStream(path)) as WritableStream<Uint8Array>;
    const { bytes } = await client.batches.downloadZip(id, file, { signal });
    out.note(`${path}: ${bytes} bytes`);
  } else {
    const { body } = await client.batches.results(id, { format, signal });
    await body?.pipeTo(Writable.toWeb(createWriteStream(path)) as WritableStream<Uint8Array>);
  }
  return EXIT.ok;
}

async function pipe({ body }: Response, out: Task['out']): Promise<void> {
  await body?.pipeTo(new WritableStream<Uint8Array>({ write: (chunk) => out.raw(chunk) }));
}

async function ended(task: Task, batch: Batch, options: WatchOptions): Promise<Exit> {
  if (options.watch) return watchBatch(task, batch.id, options.timeout);
  await show(task.out, batch);
  return EXIT.ok;
}

async function show(out: Task['out'], batch: Batch): Promise<void> {
  await out.record(batch, summaryOf(batch));
}
