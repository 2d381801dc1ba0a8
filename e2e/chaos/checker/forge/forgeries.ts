import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { newId } from '@songmill/shared/runtime/ids';
import { folderOf } from '@songmill/shared/runtime/storage/keys';
import type { Forgery } from './forgery.ts';
import type { RunInTheMaking } from './honest-run.ts';
import { WEBHOOK_FORGERIES } from './webhook-forgeries.ts';

const LONG_AGO = '2020-01-01T00:00:00.000Z';

export const FORGERIES: readonly Forgery[] = [
  { name: 'a lost job', invariant: 'I1', forge: (run) => redisOf(run).del(recordKey(run, run.made.simple)) },
  {
    name: 'a song that never ends',
    invariant: 'I1',
    forge: async (run) => run.intend(await run.create()),
  },
  {
    name: 'a client that is told that its song is not there',
    invariant: 'I1',
    forge: (run) => run.note({ op: 'read', id: run.made.simple, outcome: 'failed', status: 404 }),
  },
  { name: 'a double publish', invariant: 'I2', forge: publishAnother },
  {
    name: 'a second success',
    invariant: 'I2',
    forge: (run) => redisOf(run).hset(recordKey(run, run.made.resolved), 'h:2', `succeeded|1|${Date.now()}`),
  },
  {
    name: 'a song file with other bytes',
    invariant: 'I2',
    forge: async (run) => {
      const { song } = await run.records.read(run.made.simple);
      await writeFile(join(songFolder(run, run.made.simple), `${song!.token}.mp3`), 'x'.repeat(song!.bytes));
    },
  },
  {
    name: 'a song file that is gone',
    invariant: 'I2',
    forge: (run) => rm(songFolder(run, run.made.simple), { recursive: true }),
  },
  {
    name: 'a third unknown charge in one run',
    invariant: 'I3',
    forge: async (run) => {
      const id = await run.create();
      for (let i = 0; i < 3; i++) await run.callInVain(id, 'lost', 1, { maxUnknownCharges: 3 });
      return run.ledger.settled();
    },
  },
  {
    name: 'a second ambiguous call under hold',
    invariant: 'I3',
    forge: async (run) => {
      const id = await run.create();
      for (let i = 0; i < 2; i++) await run.callInVain(id, 'lost');
      await redisOf(run).hset(recordKey(run, id), 'policy', 'hold');
      return run.ledger.settled();
    },
  },
  {
    name: 'a song that no fault touched, called for twice',
    invariant: 'I3',
    forge: (run) =>
      writeFile(
        join(run.left.data, 'faults.jsonl'),
        `${JSON.stringify({ row: 'W1', began_at: LONG_AGO, ended_at: LONG_AGO, effective: true })}\n`,
      ),
  },
  {
    name: 'a song that was bought again',
    invariant: 'I3',
    forge: async (run) => {
      const begun = await run.records.read(run.made.resolved);
      const started_at = Date.parse(begun.attempts[2]!.started_at);
      await rewriteAttempt(run, run.made.resolved, 2, {
        outcome: 'succeeded',
        charge: 'charged',
        finished_at: started_at - 1,
      });
    },
  },
  {
    name: 'an unrecorded ledger call',
    invariant: 'I4',
    forge: async (run) => {
      const line = run.ledgerLine(run.made.simple, 'unrecorded');
      run.ledger.append({ event: 'call', ...line });
      await run.ledger.appendDurably({ event: 'charge', ...line });
    },
  },
  {
    name: 'an unrecorded call for a deleted song',
    invariant: 'I4',
    forge: (run) => run.ledger.appendDurably({ event: 'call', ...run.ledgerLine(run.made.deleted, 'unrecorded') }),
  },
  {
    name: 'an unrecorded refusal before the words were read',
    invariant: 'I4',
    forge: (run) => {
      const { call, key, path } = run.ledgerLine(run.made.simple, 'refused');
      return run.ledger.appendDurably({ event: 'answer', call, key, path, status: 401 });
    },
  },
  {
    name: 'a charged call recorded as none',
    invariant: 'I4',
    forge: (run) => rewriteAttempt(run, run.made.held, 1, { outcome: 'retryable', charge: 'none' }),
  },
  {
    name: 'a refused call recorded as charged',
    invariant: 'I4',
    forge: (run) => rewriteAttempt(run, run.made.rejected, 1, { charge: 'charged' }),
  },
  {
    name: 'a human decision that nobody made',
    invariant: 'I4',
    forge: (run) => rewriteAttempt(run, run.made.held, 1, { charge: 'none' }),
  },
  {
    name: 'an intent written after the call',
    invariant: 'I4',
    forge: (run) => rewriteAttempt(run, run.made.held, 1, { started_at: Date.now() + 60_000 }),
  },
  {
    name: 'an attempt that is missing from the list',
    invariant: 'I4',
    forge: (run) => redisOf(run).hincrby(recordKey(run, run.made.held), 'attempts_total', 1),
  },
  {
    name: 'an intent that only the journal knows',
    invariant: 'I4',
    forge: (run) => run.journal.write({ event: 'intent', id: run.made.held, token: 'f0f0' }),
  },
  {
    name: 'a stored song that nobody paid for',
    invariant: 'I4',
    forge: (run) => writeFile(join(songFolder(run, run.made.simple), 'f0f0.mp3'), 'song'),
  },
  ...WEBHOOK_FORGERIES,
  {
    name: 'a wrong counter',
    invariant: 'I6',
    forge: (run) => redisOf(run).hincrby(recordKey(run, run.made.held), 'unknown', 3),
  },
  {
    name: 'a stale index entry',
    invariant: 'I6',
    forge: (run) => redisOf(run).zadd(run.records.store.keys.list('p', 'processing'), 1, run.made.simple),
  },
  {
    name: 'a song left in line',
    invariant: 'I6',
    forge: (run) => redisOf(run).zadd(run.records.store.keys.ready, 1, run.made.simple),
  },
  {
    name: 'a record that no list names',
    invariant: 'I6',
    forge: (run) => redisOf(run).zrem(run.records.store.keys.list('p'), run.made.simple),
  },
  {
    name: 'an orphan temp file',
    invariant: 'I7',
    forge: (run) => writeFile(join(run.left.data, 'songs', '.tmp', 'f0f0'), 'half'),
  },
  {
    name: 'an orphan answer in a spool',
    invariant: 'I7',
    forge: (run) => writeFile(run.journal.pathOf('f0f0'), 'half'),
  },
  {
    name: 'a song of nobody',
    invariant: 'I7',
    forge: async (run) => {
      const folder = songFolder(run, newId('gen'));
      await mkdir(folder, { recursive: true });
      await writeFile(join(folder, 'f0f0.mp3'), 'song');
    },
  },
  {
    name: 'memory without bounds',
    invariant: 'I8',
    forge: (run) =>
      writeFile(
        join(run.left.data, 'samples.jsonl'),
        `${JSON.stringify({ at: LONG_AGO, name: 'worker 0', rss: 2 ** 31, fds: 40, loop_ms: 1 })}\n`,
      ),
  },
  {
    name: 'a leaked canary in a log',
    invariant: 'I9',
    forge: async (run) => {
      await mkdir(join(run.left.data, 'logs'));
      await writeFile(join(run.left.data, 'logs', 'worker-0.log'), `{"msg":"calling with Bearer ${run.canary}"}\n`);
    },
  },
  {
    name: 'a leaked canary in a record',
    invariant: 'I9',
    forge: (run) => redisOf(run).hset(recordKey(run, run.made.simple), 'error', `the key ${run.canary} was refused`),
  },
  {
    name: 'a 202 without a record',
    invariant: 'I10',
    forge: (run) => run.note({ op: 'create', id: newId('gen'), status: 202, job: 99 }),
  },
  {
    name: 'a replay with another id',
    invariant: 'I10',
    forge: (run) =>
      run.note({ op: 'create', id: run.made.held, status: 202, idempotency_key: 'key-1', replayed: true }),
  },
  {
    name: 'a cancel that did nothing',
    invariant: 'I10',
    forge: (run) => run.note({ op: 'cancel', id: run.made.rejected }),
  },
  {
    name: 'a 500',
    invariant: 'I10',
    forge: (run) => run.note({ op: 'create', id: null, outcome: 'failed', status: 500 }),
  },
];

/** Another paid song takes the place of the committed one. */
async function publishAnother(run: RunInTheMaking): Promise<void> {
  const id = run.made.repeated;
  const { song } = await run.records.read(id);
  const other = { ...song!, token: 'f0f0', key: `${id}/f0f0.mp3` };
  await writeFile(join(songFolder(run, id), 'f0f0.mp3'), `the song of ${song!.token}`);
  await redisOf(run).hset(recordKey(run, id), 'song', JSON.stringify(other));
}

async function rewriteAttempt(run: RunInTheMaking, id: string, number: number, change: object): Promise<void> {
  const key = recordKey(run, id);
  const attempt = JSON.parse((await redisOf(run).hget(key, `a:${number}`)) ?? '') as object;
  await redisOf(run).hset(key, `a:${number}`, JSON.stringify({ ...attempt, ...change }));
}

const redisOf = (run: RunInTheMaking) => run.records.store.redis;
const recordKey = (run: RunInTheMaking, id: string) => run.records.store.keys.generation(id);
const songFolder = (run: RunInTheMaking, id: string) => join(run.left.data, 'songs', folderOf(id).folder);
