import { rmSync, statSync, symlinkSync, truncateSync } from 'node:fs';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { startRedis, type TestRedis } from '@songmill/shared/testing/redis';
import { type FaultProxy, startProxy } from '@songmill/shared/testing/tcp-proxy';
import { connectRedis } from '@songmill/shared/runtime/redis';
import { seenWithin } from '../faults/signals.ts';
import type { Row } from '../types.ts';
import { type Song, type SmallRun, smallRow } from './small-run.ts';

/** Redis that loses the end of what it had acknowledged: what a power cut and a failover do. */

function logOf(run: SmallRun): string {
  return join(dirname(run.system.redis.socket), 'appendonlydir', 'appendonly.aof.1.incr.aof');
}

/** Ends Redis as a power cut would that came when its log was this long, and starts it again. */
async function losePower(run: SmallRun, size: number): Promise<void> {
  await run.system.redis.kill('SIGKILL');
  truncateSync(logOf(run), size);
  await run.system.redis.restart();
}

async function expectLosses(run: SmallRun, before: readonly Song[], after: readonly Song[]): Promise<void> {
  const lost = async (songs: readonly Song[]) =>
    (await Promise.all(songs.map((song) => run.record(song)))).filter((record) => record === null).length;
  const [early, late] = [await lost(before), await lost(after)];
  run.expect(early === 0, `of ${before.length} songs accepted before the moment, ${early} are lost`);
  run.say(`of ${after.length} songs accepted after it, ${late} are lost, as documented`);
  await expectAtMostTwice(run, before);
}

async function expectAtMostTwice(run: SmallRun, songs: readonly Song[]): Promise<void> {
  const statuses = new Map<string, number>();
  let most = 0;
  for (const song of songs) {
    const { status } = await run.settled(song);
    statuses.set(status, (statuses.get(status) ?? 0) + 1);
    most = Math.max(most, (await run.calls(song)).calls);
  }
  const told = [...statuses].map(([status, count]) => `${count} ${status}`).join(', ');
  run.expect(
    [...statuses.keys()].every((status) => status === 'succeeded'),
    `of the others: ${told}`,
  );
  run.expect(most <= 2, `the dearest had ${most} calls`);
}

/** Songs that storage held when Redis forgot: none of them may be bought again. */
async function storedNow(run: SmallRun, songs: readonly Song[]): Promise<{ song: Song; calls: number }[]> {
  const stored = [];
  for (const song of songs) {
    if ((await run.record(song))?.status === 'succeeded') stored.push({ song, calls: (await run.calls(song)).calls });
  }
  return stored;
}

async function expectNotBoughtAgain(run: SmallRun, stored: readonly { song: Song; calls: number }[]): Promise<void> {
  let again = 0;
  for (const { song, calls } of stored) if ((await run.calls(song)).calls > calls) again += 1;
  run.expect(again === 0, `of ${stored.length} songs that were in storage, ${again} were bought again`);
}

const powerLoss = smallRow({
  row: 'R2',
  title: 'power is lost: Redis forgets its last second',
  async play(run) {
    run.mayLose(1000, 'a power cut, as if Redis had last written its log one second before');
    for (let time = 0; time < 3; time++) {
      const before = await run.posts(25);
      await seenWithin(10_000, async () => (await run.system.sim.state()).open_calls > 0);
      const { size } = statSync(logOf(run));
      const after: Song[] = [];
      const end = performance.now() + 1000;
      while (performance.now() < end) after.push(...(await run.posts(3)));
      const stored = await storedNow(run, before);
      await run.breaking('R2', () => losePower(run, size));
      await run.rest();
      await expectLosses(run, before, after);
      await expectNotBoughtAgain(run, stored);
    }
  },
});

const tailLost = smallRow({
  row: 'X7',
  title: 'Redis forgets the claims while both workers that made them are alive',
  options: { workers: 2 },
  async play(run) {
    run.mayLose(1, 'Redis loses the claims, but no generation');
    for (let time = 0; time < 3; time++) {
      await operate(run, 'pause');
      const songs = await run.posts(6, '[sim:latency=1500]');
      const { size } = statSync(logOf(run));
      await operate(run, 'resume');
      await seenWithin(10_000, async () => (await run.system.sim.state()).open_calls >= songs.length);
      await run.breaking('X7', () => losePower(run, size));
      await operate(run, 'resume');
      await expectAtMostTwice(run, songs);
      await run.rest();
      for (const song of songs) {
        const [record, { calls }] = [await run.settled(song), await run.calls(song)];
        run.expect(
          record.attemptsTotal >= calls,
          `job ${song.job}: ${calls} calls, ${record.attemptsTotal} attempts on record, one song published`,
        );
      }
    }
  },
});

async function operate(run: SmallRun, action: 'pause' | 'resume'): Promise<void> {
  const done = await seenWithin(10_000, async () => {
    const response = await fetch(`${run.system.apis[0]!.url}/v1/queues/generate/${action}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${run.system.apiKey}`, 'content-type': 'application/json' },
      body: '{}',
    }).catch(() => null);
    return response?.ok ?? false;
  });
  if (done === null) throw new Error(`the queue could not be told to ${action}`);
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

let replica: TestRedis;
let wire: FaultProxy;
let port: number;
const failover = smallRow({
  row: 'R3',
  title: 'a replica that lagged behind takes the place of Redis',
  async around() {
    port = await freePort();
    replica = await startRedis({ appendfsync: 'always' });
    wire = await startProxy({ to: `redis://127.0.0.1:${port}` });
    return {
      options: { redis: { args: ['--port', String(port), '--bind', '127.0.0.1'] } },
      async stop() {
        await wire.stop();
        await replica.stop();
      },
    };
  },
  async play(run) {
    run.mayLose(1000, 'a replica that lagged behind was promoted');
    const other = connectRedis(replica.url, 'worker', () => undefined);
    try {
      await other.replicaof('127.0.0.1', wire.port);
      const linked = await seenWithin(20_000, async () =>
        /master_link_status:up/.test(await other.info('replication')),
      );
      run.expect(linked !== null, 'the replica follows');
      const before = await run.posts(25);
      const caughtUp = await seenWithin(20_000, async () => (await other.zcard('{chaos}:l:default')) >= 25);
      run.expect(caughtUp !== null, 'the replica has what was accepted so far');
      wire.blackhole();
      const after: Song[] = [];
      const end = performance.now() + 1500;
      while (performance.now() < end) after.push(...(await run.posts(3)));
      const stored = await storedNow(run, before);
      await run.breaking('R3', async () => {
        await run.system.redis.kill('SIGKILL');
        await other.replicaof('NO', 'ONE');
        // Everybody's wire leads to the old socket, as to one address of a failover.
        rmSync(run.system.redis.socket, { force: true });
        symlinkSync(replica.socket, run.system.redis.socket);
        await delay(100);
      });
      await run.rest();
      await expectLosses(run, before, after);
      await expectNotBoughtAgain(run, stored);
    } finally {
      other.disconnect();
    }
  },
});

export const REDIS_LOSS_ROWS: readonly Row[] = [powerLoss, failover, tailLost];
