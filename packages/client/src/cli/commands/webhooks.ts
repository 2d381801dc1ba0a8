import { type Command, InvalidArgumentError, Option } from 'commander';
import { EVENT_TYPES, type EventType } from '@songmill/shared/contract/event';
import type { WebhookDelivery, WebhookEndpoint } from '@songmill/shared/contract/webhook';
import { EXIT, type Exit } from '../exit.ts';
import { createForwarder } from '../forward.ts';
import { type Attach, integer, type Task, words } from '../task.ts';

interface ListenOptions {
  readonly forwardTo?: string;
  readonly events?: readonly EventType[];
  readonly after?: string;
}

/** `webhooks listen|list|test|redeliver|recover` and `events`. */
export function addWebhookCommands(program: Command, attach: Attach): void {
  const types = () => new Option('--events <types>', 'only these, with commas between').argParser(eventTypesOf);
  const webhooks = program.command('webhooks').description('who is told what happens');
  attach<ListenOptions>(
    webhooks
      .command('listen')
      .description('try a receiver: have the events of the project sent to it as signed webhooks')
      .requiredOption('--forward-to <url>', 'your receiver, as http://127.0.0.1:3000/hooks')
      .addOption(types()),
    listen,
  );
  attach<{ deliveries?: true; status?: string; limit: number }>(
    webhooks
      .command('list')
      .description('list endpoints, or what is on its way to them')
      .option('--deliveries', 'deliveries instead of endpoints')
      .option('--status <status>', 'of deliveries: pending, succeeded, failed, canceled')
      .option('--limit <count>', 'how many at most', integer(1, 1_000_000), 20),
    list,
  );
  attach(
    webhooks.command('test').argument('<endpoint>').description('have a ping sent'),
    async ({ client, out, signal }, [id = '']) => showDelivery(out, await client.webhookEndpoints.test(id, { signal })),
  );
  attach(
    webhooks.command('redeliver').argument('<delivery>').description('send a delivery again'),
    async ({ client, out, signal }, [id = '']) =>
      showDelivery(out, await client.webhookDeliveries.redeliver(id, { signal })),
  );
  attach<{ since: string; until?: string; dryRun?: true }>(
    webhooks
      .command('recover')
      .argument('<endpoint>')
      .description('send everything again that did not arrive in a span of time')
      .requiredOption('--since <time>', 'RFC 3339')
      .option('--until <time>', 'RFC 3339; now unless given')
      .option('--dry-run', 'only say how many'),
    async ({ client, out, signal }, [id = ''], { since, until, dryRun = false }) => {
      const answer = await client.webhookEndpoints.recover(id, { since, until, dryRun }, { signal });
      await out.record(answer, `${answer.matched} deliveries${dryRun ? ' would be' : ' are'} sent again`);
    },
  );
  attach<ListenOptions>(
    program
      .command('events')
      .description('show what happens in the project, as it happens')
      .addOption(types())
      .option('--after <id>', 'go on after this event'),
    follow,
  );
}

function eventTypesOf(text: string): readonly EventType[] {
  const given = words(text);
  const unknown = given.filter((word) => !(EVENT_TYPES as readonly string[]).includes(word));
  if (unknown.length > 0) throw new InvalidArgumentError(`no such type of event: ${unknown.join(', ')}`);
  return given as EventType[];
}

async function follow({ client, out, signal }: Task, _args: readonly string[], options: ListenOptions): Promise<void> {
  const filters = { types: options.events };
  // A stream outlives absences of the server, so one that was never there must be noticed here.
  await client.events.list({ limit: 1 }, { signal });
  for await (const event of client.events.stream(filters, { signal, lastEventId: options.after })) {
    await out.record(event, `${event.timestamp} ${event.type} ${nameOf(event.data)}`);
  }
}

async function listen({ client, out, signal }: Task, _args: readonly string[], options: ListenOptions): Promise<Exit> {
  const { secret } = await client.webhookSecret.retrieve({ signal });
  const forward = createForwarder(options.forwardTo ?? '', secret);
  out.note("signed with the project's secret, which songs with a webhook of their own are signed with, too");
  for await (const event of client.events.stream({ types: options.events }, { signal })) {
    if (event.type === 'reset') {
      out.note('events were missed; they are in the lists');
      continue;
    }
    const told = await forward(event, signal);
    const text = `${event.type} ${nameOf(event.data)} -> ${told.status ?? told.error}`;
    await out.record({ type: event.type, id: event.id, ...told }, text);
  }
  return EXIT.ok;
}

function nameOf(data: object): string {
  return 'id' in data && typeof data.id === 'string' ? data.id : '';
}

async function list(
  { client, out, signal }: Task,
  _args: readonly string[],
  options: { deliveries?: true; status?: string; limit: number },
): Promise<void> {
  const limit = Math.min(options.limit, 100);
  if (options.deliveries) {
    const found: WebhookDelivery[] = [];
    const status = options.status === undefined ? undefined : (words(options.status) as WebhookDelivery['status'][]);
    for await (const each of client.webhookDeliveries.list({ limit, status }, { signal })) {
      found.push(each);
      if (found.length === options.limit) break;
    }
    const rows = found.map((each) => [each.id, each.status, each.type, each.attempts.length, each.url]);
    await out.table(found, ['ID', 'STATUS', 'TYPE', 'ATTEMPTS', 'URL'], rows);
    return;
  }
  const found: WebhookEndpoint[] = [];
  for await (const each of client.webhookEndpoints.list({ limit }, { signal })) {
    found.push(each);
    if (found.length === options.limit) break;
  }
  const rows = found.map((each) => [each.id, each.enabled ? 'enabled' : `disabled: ${each.disabled_reason}`, each.url]);
  await out.table(found, ['ID', 'STATE', 'URL'], rows);
}

async function showDelivery(out: Task['out'], delivery: WebhookDelivery): Promise<void> {
  await out.record(delivery, `${delivery.id} ${delivery.status} ${delivery.type} to ${delivery.url}`);
}
