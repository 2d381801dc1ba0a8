import { Argument, type Command, InvalidArgumentError, Option } from 'commander';
import type { ApiKey } from '@songmill/shared/contract/api-key';
import type { QueueState } from '@songmill/shared/contract/queue';
import { QUEUES, type QueueName, SCOPES, type Scope } from '@songmill/shared/contract/words';
import { type Attach, type Task, words } from '../task.ts';

interface KeyOptions {
  readonly name: string;
  readonly project?: string;
  readonly scopes?: readonly Scope[];
  readonly expiresAt?: string;
}

/** `queue`, `workers`, `models` and `keys`: what runs and who may call. */
export function addOperatorCommands(program: Command, attach: Attach): void {
  const name = () => new Argument('[name]').choices(QUEUES).default('generate');
  const queue = program.command('queue').description('what waits, and what stops it');
  attach(queue.command('status').description('show every queue'), async ({ client, out, signal }) => {
    const { data } = await client.queues.list({ signal });
    await out.table(data, ['QUEUE', 'SCHEDULED', 'QUEUED', 'PROCESSING', 'STATE'], data.map(rowOfQueue));
  });
  attach<{ reason?: string }>(
    queue
      .command('pause')
      .addArgument(name())
      .description('start nothing new; calls under way go on')
      .option('--reason <text>', 'shown to everybody whose songs wait for it'),
    async ({ client, out, signal }, [which = 'generate'], { reason }) =>
      showQueue(out, await client.queues.pause(which as QueueName, reason ?? null, { signal })),
  );
  attach(
    queue.command('resume').addArgument(name()).description('lift the pause, and probe every hold now'),
    async ({ client, out, signal }, [which = 'generate']) =>
      showQueue(out, await client.queues.resume(which as QueueName, { signal })),
  );
  attach(
    program.command('workers').description('the processes that make the calls'),
    async ({ client, out, signal }) => {
      const { data } = await client.workers.list({ signal });
      const rows = data.map(({ id, alive, slots, host, pid, seen_at }) => [
        ...[id, alive ? 'alive' : 'silent', `${slots.in_use ?? '?'}/${slots.total}`, host, pid, seen_at],
      ]);
      await out.table(data, ['ID', 'STATE', 'CALLS', 'HOST', 'PID', 'SEEN'], rows);
    },
  );
  attach(program.command('models').description('what songs can be made with'), async ({ client, out, signal }) => {
    const { data } = await client.models.list({ signal });
    const rows = data.map(({ id, enabled, limits, price, hold }) => [
      ...[id, enabled ? 'enabled' : 'disabled', `${limits.lyrics.min}-${limits.lyrics.max}`],
      ...[price && `${price.amount} ${price.currency}`, hold?.reason],
    ]);
    await out.table(data, ['MODEL', 'STATE', 'CHARACTERS', 'PRICE', 'HELD BY'], rows);
  });
  addKeyCommands(program, attach);
}

function addKeyCommands(program: Command, attach: Attach): void {
  const keys = program.command('keys').description('who may call this server (needs the scope admin)');
  attach<KeyOptions>(
    keys
      .command('create')
      .description('make a key; it is shown this once')
      .requiredOption('--name <name>', 'what it is for')
      .option('--project <project>')
      .option('--scopes <scopes>', `some of ${SCOPES.join(',')}`, scopesOf)
      .addOption(new Option('--expires-at <time>', 'RFC 3339')),
    async ({ client, out, signal }, _args, { name, project, scopes, expiresAt }) => {
      const key = await client.apiKeys.create({ name, project, scopes, expires_at: expiresAt }, { signal });
      await out.record(key, key.key ?? key.id);
      out.note(`${key.id} for project ${key.project}, ${key.scopes.join(' ')}; the key is not shown again`);
    },
  );
  attach(keys.command('list').description('list keys, newest first'), async ({ client, out, signal }) => {
    const found: ApiKey[] = [];
    for await (const key of client.apiKeys.list({ limit: 100 }, { signal })) found.push(key);
    const rows = found.map((key) => [
      key.id,
      key.name,
      key.project,
      key.scopes.join(' '),
      `…${key.last4}`,
      key.last_used_at,
    ]);
    await out.table(found, ['ID', 'NAME', 'PROJECT', 'SCOPES', 'KEY', 'LAST USED'], rows);
  });
  attach(
    keys.command('revoke').argument('<id>').description('end a key'),
    async ({ client, out, signal }, [id = '']) => {
      await client.apiKeys.delete(id, { signal });
      await out.record({ id, object: 'api_key', deleted: true }, `${id} is revoked`);
    },
  );
}

function scopesOf(text: string): readonly Scope[] {
  const given = words(text);
  const unknown = given.filter((word) => !(SCOPES as readonly string[]).includes(word));
  if (unknown.length > 0) throw new InvalidArgumentError(`no such scope: ${unknown.join(', ')}`);
  return given as Scope[];
}

function rowOfQueue(queue: QueueState) {
  const { scheduled, queued, processing } = queue.counts;
  return [queue.name, scheduled, queued, processing, stateOf(queue)];
}

function stateOf({ paused, holds, breaker }: QueueState): string {
  const reasons = [
    paused && `paused${paused.reason ? `: ${paused.reason}` : ''}`,
    ...holds.map((hold) => `${hold.model ?? 'account'} held: ${hold.reason}`),
    breaker?.state === 'open' && `the upstream is not reached: ${breaker.reason ?? 'no answer'}`,
  ];
  return reasons.filter(Boolean).join('; ') || 'runs';
}

async function showQueue(out: Task['out'], queue: QueueState): Promise<void> {
  await out.record(queue, `${queue.name}: ${stateOf(queue)}`);
}
