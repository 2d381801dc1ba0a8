import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { clientsLeave } from '../faults/network.ts';
import { pick } from '../random.ts';
import type { ChaosProcess, Row } from '../types.ts';
import { expectOneCall, expectSucceeded, type SmallRun, smallRow } from './small-run.ts';

/** Clients that leave, and clients that ask twice at once. */

/** Sends a whole request with a key and leaves before any answer. */
async function askAndLeave(api: ChaosProcess, key: string, idempotencyKey: string, body: object): Promise<void> {
  const url = new URL(api.process!.url);
  const socket = connect(Number(url.port), url.hostname);
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  const text = JSON.stringify(body);
  socket.write(
    [
      'POST /v1/generations HTTP/1.1',
      'host: chaos',
      `authorization: Bearer ${key}`,
      `idempotency-key: ${idempotencyKey}`,
      'content-type: application/json',
      `content-length: ${Buffer.byteLength(text)}`,
      '',
      text,
    ].join('\r\n'),
  );
  await delay(Math.random() * 10);
  socket.resetAndDestroy();
}

const leaving = smallRow({
  row: 'A2',
  title: 'clients leave in the middle: half a request does nothing, a whole one is done once and found by its key',
  async play(run) {
    const before = (await run.view.records()).length;
    for (let time = 0; time < 3; time++) await run.inject(clientsLeave);
    run.expect((await run.view.records()).length === before, 'half requests made no generation');
    await leaveAndAskAgain(run, 20);
  },
});

async function leaveAndAskAgain(run: SmallRun, count: number): Promise<void> {
  const songs = [];
  for (let n = 1; n <= count; n++) {
    // The key and the words that `post` will use, so that its own request is the second one.
    const api = pick(run.system.apis, run.random);
    await askAndLeave(api, run.system.apiKey, `row-A2-${run.seed}-${n}`, run.bodyOf(n));
    songs.push(await run.post());
  }
  await expectSucceeded(run, songs, 'songs whose first client left');
  const records = await run.view.records();
  run.expect(records.length === count, `${count} keys made ${records.length} generations`);
  await expectOneCall(run, songs, 'songs');
}

const sameKey = smallRow({
  row: 'A3',
  title: 'the same key at once on two APIs makes one generation',
  async play(run) {
    for (let n = 0; n < 30; n++) await run.postAtOnce(4);
    const records = await run.view.records();
    run.expect(records.length === 30, `30 keys, each asked for four times at once, made ${records.length} generations`);
  },
});

export const REQUEST_ROWS: readonly Row[] = [leaving, sameKey];
