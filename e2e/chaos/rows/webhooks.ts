import {
  answersLost,
  killedAfterDelivery,
  receiverBreaksOff,
  receiverCuts,
  receiverFails,
  receiverRedirects,
  receiverSilent,
} from '../faults/webhooks.ts';
import { seenWithin } from '../faults/signals.ts';
import { percentile } from '../recovery.ts';
import { addEndpoint, callApi } from '../told.ts';
import type { DeliveryLine, Row } from '../types.ts';
import { type Song, type SmallRun, smallRow } from './small-run.ts';
import { underLoad } from './under-load.ts';

/** Receivers that fail, and senders that die. What every row asserts of webhooks is the checker's I5. */

const TOLD_MS = 60_000;

const linesAt = ({ system }: SmallRun, path: string): readonly DeliveryLine[] =>
  system.receiver.lines.filter(({ url }) => url === `${system.receiver.url}${path}`);

/** Waits until each of the songs was told at this path, and the receiver took it. */
async function expectTold(run: SmallRun, songs: readonly Song[], path: string, what: string): Promise<void> {
  const count = () => {
    const told = new Set(
      linesAt(run, path).flatMap(({ whole, answered, subject }) => (whole && answered === 204 ? subject : [])),
    );
    return songs.filter(({ id }) => told.has(id)).length;
  };
  await seenWithin(TOLD_MS, () => count() === songs.length);
  run.expect(count() === songs.length, `${what} was told of ${count()} of ${songs.length} songs`);
}

const SCHEDULE = [200, 400, 800];

const schedule = smallRow({
  row: 'H1',
  title: 'between attempts of a delivery lies what the schedule says',
  options: { env: { WEBHOOK_SCHEDULE_MS: SCHEDULE.join(',') } },
  async play(run) {
    const { receiver } = run.system;
    for (let n = 0; n < 3; n++) {
      await run.breaking('H1', async () => {
        const left = new Map<string, number>();
        receiver.answer((path) => {
          left.set(path, (left.get(path) ?? SCHEDULE.length) - 1);
          return (left.get(path) ?? 0) >= 0 ? 'refuse' : 'well';
        });
        const song = await run.post();
        await expectTold(run, [song], '/all', 'an endpoint that refuses three times');
        const times = linesAt(run, '/all')
          .filter(({ subject }) => subject === song.id)
          .map(({ at }) => Date.parse(at));
        const waits = times.slice(1).map((at, i) => at - times[i]!);
        run.expect(
          waits.length === SCHEDULE.length && waits.every((wait, i) => wait >= SCHEDULE[i]!),
          `it was sent ${times.length} times, with ${waits.join(', ')} ms between; the schedule says ${SCHEDULE.join(', ')}`,
        );
        receiver.answerWell();
      });
    }
  },
});

const gone = smallRow({
  row: 'H3',
  title: 'an endpoint that answers 410 is disabled once, its owner is told, and enabling it works',
  async play(run) {
    const { system } = run;
    const id = await addEndpoint(system, '/gone');
    await addEndpoint(system, '/watch', ['endpoint.disabled']);
    system.receiver.answer((path) => (path === '/gone' ? 'gone' : 'well'));
    const enabled = async () =>
      (await callApi<{ enabled: boolean }>(system, 'GET', `/v1/webhook-endpoints/${id}`)).enabled;
    await run.breaking('H3', async () => {
      const before = await run.posts(12);
      await expectTold(run, before, '/all', 'another endpoint');
      await seenWithin(TOLD_MS, () => linesAt(run, '/watch').length > 0);
      run.expect(!(await enabled()), 'the endpoint is disabled');
      const tries = linesAt(run, '/gone').length;
      await expectTold(run, await run.posts(6), '/all', 'another endpoint');
      await run.rest();
      run.expect(linesAt(run, '/gone').length === tries, `after ${tries} requests it got no more`);
    });
    const told = linesAt(run, '/watch').map(({ type, subject }) => `${type} ${subject}`);
    run.expect(told.length === 1 && told[0] === `endpoint.disabled ${id}`, `its owner was told: ${told.join(', ')}`);
    system.receiver.answerWell();
    await callApi(system, 'PATCH', `/v1/webhook-endpoints/${id}`, { enabled: true });
    await expectTold(run, await run.posts(6), '/gone', 'the endpoint, enabled again,');
  },
});

const ownGone = smallRow({
  row: 'H3',
  title: 'a 410 of the URL of requests ends what waits for it, and nothing else',
  async play(run) {
    const webhook = { url: `${run.system.receiver.url}/own` };
    run.system.receiver.answer((path) => (path === '/own' ? 'gone' : 'well'));
    await run.breaking('H3', async () => {
      await expectTold(run, await run.posts(12, '', { webhook }), '/all', 'the endpoint');
      await run.rest();
      run.expect(
        linesAt(run, '/own').length > 0,
        `the URL of 12 requests said 410 ${linesAt(run, '/own').length} times`,
      );
    });
    run.system.receiver.answerWell();
    await expectTold(run, await run.posts(4, '', { webhook }), '/own', 'the URL, which has come back,');
  },
});

const ENDPOINTS = 20;

const oneDead = smallRow({
  row: 'H6',
  title: `one dead endpoint of ${ENDPOINTS} holds up no other`,
  async play(run) {
    const { system } = run;
    const paths = Array.from({ length: ENDPOINTS }, (_, n) => `/e/${n}`);
    for (const path of paths) await addEndpoint(system, path);
    const [dead, ...others] = paths;
    const round = async (what: string) => {
      const from = system.receiver.lines.length;
      const songs = await run.posts(10);
      await Promise.all(
        others.map((path) =>
          seenWithin(TOLD_MS, () => {
            const told = new Set(linesAt(run, path).map(({ subject }) => subject));
            return songs.every(({ id }) => told.has(id));
          }),
        ),
      );
      const lines = system.receiver.lines.slice(from).filter(({ url }) => others.some((path) => url.endsWith(path)));
      const delays = lines.map(({ at, event_at: event }) => Date.parse(at) - Date.parse(event));
      run.expect(
        new Set(lines.map(({ subject, url }) => `${subject} ${url}`)).size === songs.length * others.length,
        `${what}, ${others.length} endpoints were told of ${songs.length} songs: p99 ${percentile(delays, 0.99)} ms after the event`,
      );
    };
    await round('with all alive');
    await run.breaking('H6', async () => {
      system.receiver.answer((path) => (path === dead ? 'silent' : 'well'));
      await round('with one dead');
      await round('with one that is known to be dead');
      run.expect(
        linesAt(run, dead!).filter(({ manner, answered }) => manner === 'silent' && answered === null).length > 0,
        'the dead one answered nobody',
      );
    });
    system.receiver.answerWell();
  },
});

export const WEBHOOK_ROWS: readonly Row[] = [
  underLoad({
    row: 'H1',
    title: 'the receiver of webhooks is slow, fails, cuts and breaks off',
    faults: [receiverSilent, receiverFails, receiverCuts, receiverBreaksOff],
    mayCost: 'nothing',
  }),
  schedule,
  underLoad({
    row: 'H2',
    title: 'the receiver of webhooks redirects, and is not followed',
    faults: [receiverRedirects],
    mayCost: 'nothing',
  }),
  gone,
  ownGone,
  underLoad({
    row: 'H4',
    title: 'answers to webhooks get lost: they come again under the same id',
    faults: [answersLost],
    mayCost: 'nothing',
  }),
  underLoad({
    row: 'H5',
    title: 'senders of webhooks are killed after the answer: what they sent comes again under the same id',
    faults: [killedAfterDelivery],
    times: 6,
    mayCost: 'anybody',
  }),
  oneDead,
];
