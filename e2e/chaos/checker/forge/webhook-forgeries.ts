import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DeliveryLine } from '../../types.ts';
import { allJsonLines } from '../read/json-lines.ts';
import type { Forgery } from './forgery.ts';
import type { RunInTheMaking } from './honest-run.ts';

/** Ways in which what was told can be wrong. */
export const WEBHOOK_FORGERIES: readonly Forgery[] = [
  {
    name: 'a webhook that never came',
    invariant: 'I5',
    forge: (run) => changeReceived(run, (lines) => lines.filter((line) => line.subject !== run.made.rejected)),
  },
  {
    name: 'a webhook that was never owed',
    invariant: 'I5',
    forge: async (run) => {
      const { keys } = run.records.store;
      await run.records.store.redis.del(`${keys.root}subs:p:generation.canceled`);
      await run.records.cancel(await run.create());
      await run.deliver();
    },
  },
  {
    name: 'a webhook that is still owed',
    invariant: 'I5',
    forge: async (run) => run.records.cancel(await run.create()),
  },
  {
    name: 'a webhook that was given up, whose receiver never said that it is gone',
    invariant: 'I5',
    forge: async (run) => {
      await run.records.cancel(await run.create());
      await run.deliver({ answered: 500 });
    },
  },
  {
    name: 'a webhook whose only answer broke off, noted as delivered',
    invariant: 'I5',
    forge: (run) =>
      changeReceived(run, (lines) =>
        lines.map((line) => (line.subject === run.made.rejected ? { ...line, whole: false } : line)),
      ),
  },
  {
    name: 'a second id for one event and URL',
    invariant: 'I5',
    forge: (run) => receiveAgain(run, { webhook_id: 'evt_another' }),
  },
  {
    name: 'one id for two events',
    invariant: 'I5',
    forge: async (run) => {
      const [first] = await received(run);
      return receiveAgain(run, { webhook_id: first!.webhook_id });
    },
  },
  {
    name: 'other bytes under the same id',
    invariant: 'I5',
    forge: (run) => receiveAgain(run, { sha256: 'f0f0' }),
  },
  {
    name: 'a redirect that was followed',
    invariant: 'I5',
    forge: (run) => receiveAgain(run, { url: 'http://receiver.test/elsewhere' }),
  },
  {
    name: 'a webhook of what nobody asked for',
    invariant: 'I5',
    forge: (run) => receiveAgain(run, { type: 'generation.processing', sequence: 2, webhook_id: 'evt_another' }),
  },
  {
    name: 'a webhook that is signed wrongly',
    invariant: 'I5',
    forge: (run) => receiveAgain(run, { verified: false }),
  },
];

async function received({ left }: RunInTheMaking): Promise<DeliveryLine[]> {
  return allJsonLines<DeliveryLine>(join(left.data, 'deliveries.jsonl'));
}

async function changeReceived(run: RunInTheMaking, change: (lines: DeliveryLine[]) => DeliveryLine[]): Promise<void> {
  const lines = change(await received(run));
  await writeFile(join(run.left.data, 'deliveries.jsonl'), lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
}

/** The last request comes once more, in another way. */
async function receiveAgain(run: RunInTheMaking, difference: Partial<DeliveryLine>): Promise<void> {
  await run.receive({ ...(await received(run)).at(-1)!, ...difference });
}
