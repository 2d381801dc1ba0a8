import { createWriteStream } from 'node:fs';
import { Writable } from 'node:stream';
import { type Command, Option } from 'commander';
import type { Generation, GenerationInput } from '@songmill/shared/contract/generation';
import { CliError, EXIT, type Exit } from '../exit.ts';
import { createProgress, spanOf } from '../progress.ts';
import { textOfArgument } from '../text.ts';
import { type Attach, integer, pair, type Task, within } from '../task.ts';

interface GenerateOptions {
  readonly lyrics?: string;
  readonly lyricsFile?: string;
  readonly voice?: string;
  readonly instrumental?: string;
  readonly model?: string;
  readonly prompt?: string;
  readonly format?: 'mp3' | 'wav';
  readonly customId?: string;
  readonly metadata?: Record<string, string>;
  readonly priority?: 'interactive' | 'normal' | 'bulk';
  readonly runAt?: string;
  readonly startBy?: string;
  readonly idempotencyKey?: string;
  readonly wait: boolean;
  readonly timeout?: number;
  readonly out?: string;
}

interface ListOptions {
  readonly status?: string;
  readonly batch?: string;
  readonly customId?: string;
  readonly errorCode?: string;
  readonly model?: string;
  readonly limit: number;
}

const timeout = () =>
  new Option('--timeout <seconds>', 'stop waiting after this; the song goes on').argParser(integer(1, 31_536_000));

/** One song: `generate`, `get`, `list`, `watch`, `cancel`, `retry`, `resolve`, `download`. */
export function addGenerationCommands(program: Command, attach: Attach): void {
  attach<GenerateOptions>(
    program
      .command('generate')
      .description('make a song and wait for it')
      .option('--lyrics <text>', 'the words; - reads them from standard input')
      .option('--lyrics-file <file>', 'the words, from a file')
      .option('--voice <id>', 'id of a voice: of the upstream, or a reference of ours (ref_…)')
      .option('--instrumental <id>', 'id of an instrumental: of the upstream, or a reference of ours (ref_…)')
      .option('--model <name>')
      .option('--prompt <text>', 'the style, for models that take one')
      .addOption(new Option('--format <format>').choices(['mp3', 'wav']))
      .option('--custom-id <id>', 'your own name for it')
      .option('--metadata <name=value>', 'a note on the record; may be given again', pair)
      .addOption(new Option('--priority <priority>').choices(['interactive', 'normal', 'bulk']))
      .option('--run-at <time>', 'not before this time (RFC 3339)')
      .option('--start-by <time>', 'give up if it has not begun by this time')
      .option('--idempotency-key <key>', 'repeat a call safely with the same key')
      .option('-o, --out <file>', 'save the song here')
      .option('--no-wait', 'only hand it in')
      .addOption(timeout()),
    generate,
  );
  attach(
    program.command('get').argument('<id>').description('show a song'),
    async ({ client, out, signal }, [id = '']) => show(out, await client.generations.retrieve(id, { signal })),
  );
  attach<ListOptions>(
    program
      .command('list')
      .description('list songs, newest first')
      .option('--status <status>', 'one or several, with commas between')
      .option('--batch <id>')
      .option('--custom-id <id>')
      .option('--error-code <code>')
      .option('--model <name>')
      .option('--limit <count>', 'how many at most', integer(1, 1_000_000), 20),
    list,
  );
  attach<{ timeout?: number }>(
    program.command('watch').argument('<id>').description('wait until a song is settled').addOption(timeout()),
    async (task, [id = ''], options) => exitOfSong(await watched(task, id, options.timeout), task),
  );
  attach(
    program.command('cancel').argument('<id>').description('cancel a song'),
    async ({ client, out, signal }, [id = '']) => show(out, await client.generations.cancel(id, { signal })),
  );
  attach(
    program.command('retry').argument('<id>').description('make a failed or canceled song again'),
    async ({ client, out, signal }, [id = '']) => show(out, await client.generations.retry(id, { signal })),
  );
  attach<{ charged: 'yes' | 'no'; action: 'retry' | 'fail' }>(
    program
      .command('resolve')
      .argument('<id>')
      .description('settle a song that needs review')
      .addOption(
        new Option('--charged <yes|no>', 'whether the last call was billed')
          .choices(['yes', 'no'])
          .makeOptionMandatory(),
      )
      .addOption(new Option('--action <action>', 'what to do now').choices(['retry', 'fail']).makeOptionMandatory()),
    async ({ client, out, signal }, [id = ''], { charged, action }) =>
      show(out, await client.generations.resolve(id, { charged: charged === 'yes', action }, { signal })),
  );
  attach<{ out?: string }>(
    program
      .command('download')
      .argument('<id>')
      .description('save a song')
      .option('-o, --out <file>', 'where; - is standard output. Default: <id>.<format>'),
    async (task, [id = ''], { out: file }) => {
      const { result } = await task.client.generations.retrieve(id, { signal: task.signal });
      await save(task, id, file ?? `${id}.${result?.format ?? 'mp3'}`);
    },
  );
}

async function generate(task: Task, _args: readonly string[], options: GenerateOptions): Promise<Exit> {
  const { client, out, signal } = task;
  const { idempotencyKey } = options;
  const created = await client.generations.create(await inputOf(task, options), { signal, idempotencyKey });
  if (!options.wait) {
    await show(out, created);
    return EXIT.ok;
  }
  const song = await watched(task, created.id, options.timeout);
  if (song.status === 'succeeded' && options.out !== undefined) await save(task, song.id, options.out);
  return exitOfSong(song, task);
}

async function inputOf(task: Task, options: GenerateOptions): Promise<GenerationInput> {
  const { voice, instrumental, format, metadata, priority } = options;
  if (options.lyrics !== undefined && options.lyricsFile !== undefined) {
    throw new CliError('give --lyrics or --lyrics-file, not both', EXIT.usage);
  }
  const lyrics = await textOfArgument(task.io, options.lyrics, options.lyricsFile);
  return {
    ...(lyrics === undefined ? {} : { lyrics }),
    ...reference('refer_voice', 'voice_reference', voice),
    ...reference('refer_instrumental', 'instrumental_reference', instrumental),
    ...(options.model === undefined ? {} : { model: options.model }),
    ...(options.prompt === undefined ? {} : { prompt: options.prompt }),
    ...(format === undefined ? {} : { audio_setting: { format } }),
    ...(options.customId === undefined ? {} : { custom_id: options.customId }),
    ...(metadata === undefined ? {} : { metadata }),
    ...(priority === undefined ? {} : { priority }),
    ...(options.runAt === undefined ? {} : { run_at: options.runAt }),
    ...(options.startBy === undefined ? {} : { start_by: options.startBy }),
  };
}

function reference(upstream: string, own: string, id: string | undefined): Record<string, string> {
  return id === undefined ? {} : { [id.startsWith('ref_') ? own : upstream]: id };
}

async function list({ client, out, signal }: Task, _args: readonly string[], options: ListOptions): Promise<void> {
  const { limit, status, errorCode, model } = options;
  const filters = { status, batch_id: options.batch, custom_id: options.customId, error_code: errorCode, model };
  const songs: Generation[] = [];
  for await (const song of client.generations.list({ ...filters, limit: Math.min(limit, 100) }, { signal })) {
    songs.push(song);
    if (songs.length === limit) break;
  }
  const rows = songs.map((song) => [song.id, song.status, song.custom_id, song.created_at, song.error?.message]);
  await out.table(songs, ['ID', 'STATUS', 'CUSTOM ID', 'CREATED', 'ERROR'], rows);
}

async function watched(task: Task, id: string, seconds: number | undefined): Promise<Generation> {
  const progress = createProgress(task.io);
  try {
    return await within(task, seconds, (signal) =>
      task.client.generations.wait(id, { signal, onUpdate: (song) => progress.show(stateOf(song)) }),
    );
  } catch (error) {
    progress.done();
    if (error instanceof CliError) task.out.note(`${id} goes on; come back with: songmill watch ${id}`);
    throw error;
  } finally {
    progress.done();
  }
}

async function exitOfSong(song: Generation, { out }: Task): Promise<Exit> {
  await show(out, song);
  return song.status === 'succeeded' ? EXIT.ok : EXIT.songsFailed;
}

async function show(out: Task['out'], song: Generation): Promise<void> {
  const { result, error, cost } = song;
  const lines = [
    stateOf(song),
    result &&
      `  ${result.kind}, ${result.format}, ${Math.round(result.duration_ms / 1000)} s, ${result.bytes} bytes; songmill download ${song.id}`,
    error && `  ${error.code}: ${error.message}`,
    cost.currency && `  charged ${cost.charged ?? '0'} ${cost.currency}, unknown ${cost.unknown ?? '0'}`,
  ];
  await out.record(song, lines.filter(Boolean).join('\n'));
}

function stateOf({ id, status, queue }: Generation): string {
  const place = queue?.position == null ? '' : `, place ${queue.position} in line`;
  const eta = queue?.eta_seconds == null ? '' : `, about ${spanOf(queue.eta_seconds)}`;
  const blocked = queue?.blocked_by
    ? `, waits for: ${queue.blocked_by}${queue.reason ? ` (${queue.reason})` : ''}`
    : '';
  return `${id} ${status}${place}${eta}${blocked}`;
}

async function save({ client, io, out, signal }: Task, id: string, file: string): Promise<void> {
  if (file === '-') {
    const write = (bytes: Uint8Array) => out.raw(bytes);
    await client.generations.download(id, new WritableStream({ write }), { signal });
    return;
  }
  const stream = Writable.toWeb(createWriteStream(file)) as WritableStream<Uint8Array>;
  const { bytes } = await client.generations.download(id, stream, { signal });
  io.stderr.write(`${file}: ${bytes} bytes\n`);
}
