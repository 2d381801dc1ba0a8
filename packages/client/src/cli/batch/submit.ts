import { randomUUID } from 'node:crypto';
import type { BatchQuote, ItemFault } from '@songmill/shared/contract/batch';
import { isApiError } from '../../errors.ts';
import type { SubmitOptions } from '../../resources/batch-calls.ts';
import { CliError, EXIT, type Exit } from '../exit.ts';
import { spanOf } from '../progress.ts';
import type { Task } from '../task.ts';
import { faultLine } from './faults.ts';
import { DOWNLOADS_AT_ONCE, saveResults } from './results.ts';
import { type BatchFile, batchFile, blobOf, type FileOptions, keyOf, submitOptionsOf } from './source.ts';
import { summaryOf, watchBatch } from './watch.ts';

/** How a file is submitted, besides how it is read. */
export interface SubmitFlags {
  readonly name?: string;
  readonly metadata?: Record<string, string>;
  readonly skipInvalid?: true;
  readonly dryRun?: true;
  readonly again?: true;
  readonly watch?: true;
  readonly out?: string;
  readonly timeout?: number;
}

/** `batch submit`: the same file with the same options is the same batch, whenever it is submitted again. */
export async function submitFile(
  task: Task,
  [path = '']: readonly string[],
  flags: FileOptions & SubmitFlags,
): Promise<Exit> {
  const { client, out, signal } = task;
  const file = await batchFile(path, flags);
  const options = optionsOf(file, flags);
  if (flags.dryRun) {
    return showQuote(
      task,
      path,
      await refusing(task, path, client.batches.quote(await blobOf(file), { ...options, signal })),
    );
  }
  const key = await keyOf(file, options);
  const idempotencyKey = flags.again ? `${key.slice(0, 100)}-${randomUUID()}` : key;
  const sent = client.batches.submit(await blobOf(file), { ...options, signal, idempotencyKey }).withResponse();
  const { data: batch, replayed } = await refusing(task, path, sent).catch((error: unknown) => {
    if (signal.aborted) out.note(leftBehind(path, flags));
    throw error;
  });
  if (replayed) {
    out.note(`${path} was submitted before, with the same options: this is that batch (--again makes a new one)`);
  }
  if (flags.watch || flags.out !== undefined) {
    out.note(`${batch.id}: ${batch.counts.total} songs`);
    const ended = await watchBatch(task, batch.id, flags.timeout);
    if (flags.out === undefined) return ended;
    const saved = await saveResults(task, batch.id, flags.out, DOWNLOADS_AT_ONCE);
    return saved === EXIT.failure ? saved : ended;
  }
  await out.record(batch, summaryOf(batch));
  return EXIT.ok;
}

function optionsOf(file: BatchFile, { name, metadata, skipInvalid }: SubmitFlags): SubmitOptions {
  if (file.format === 'json' && (name !== undefined || metadata || skipInvalid)) {
    throw new CliError(
      'a JSON file has its options inside: "name", "metadata", "on_invalid" beside "items"',
      EXIT.usage,
    );
  }
  return {
    ...submitOptionsOf(file),
    ...(name === undefined ? {} : { name }),
    ...(metadata === undefined ? {} : { metadata }),
    ...(skipInvalid ? { onInvalid: 'skip' } : {}),
  };
}

/** A file that the server refuses ends the process with 6, every fault told with its line. */
async function refusing<T>({ out }: Task, path: string, sent: PromiseLike<T>): Promise<T> {
  try {
    return await sent;
  } catch (error) {
    if (!isApiError(error) || (error.status !== 422 && error.status !== 400 && error.status !== 413)) throw error;
    // Faults of a file have lines, which the type of other faults does not know.
    const faults = error.errors as readonly Partial<ItemFault>[];
    if (!out.json) for (const fault of faults) out.note(faultLine(path, fault));
    const problem = error.problem as { error_count?: number; truncated?: boolean } | null;
    const count = problem?.error_count ?? faults.length;
    const rest = problem?.truncated ? `; the first ${faults.length} are above, songmill batch validate tells all` : '';
    const message = `${path}: ${error.detail ?? error.code ?? error.message} (${count} faults${rest})`;
    throw new CliError(message, EXIT.invalidFile, error);
  }
}

async function showQuote({ out }: Task, path: string, quote: BatchQuote): Promise<Exit> {
  for (const fault of quote.errors) out.note(faultLine(path, fault));
  const { low, high, currency } = quote.cost;
  const lines = [
    `${path}: ${quote.total} songs, ${quote.valid} good, ${quote.invalid} bad, ${quote.duplicates} of them duplicates`,
    quote.estimated_seconds !== null && `  about ${spanOf(quote.estimated_seconds)}`,
    currency !== null && `  ${low} to ${high} ${currency}`,
    quote.would_accept ? '  would be accepted' : '  would be refused',
  ];
  await out.record(quote, lines.filter(Boolean).join('\n'));
  return quote.would_accept ? EXIT.ok : EXIT.invalidFile;
}

/** What to tell whoever presses Ctrl-C before the server has answered. */
function leftBehind(path: string, { again }: SubmitFlags): string {
  const next = again ? 'songmill batch list shows it if it has' : 'the same command again makes nothing twice';
  return `whether ${path} has arrived is not known; ${next}`;
}
