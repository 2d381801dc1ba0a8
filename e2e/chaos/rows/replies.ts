import { setTimeout as delay } from 'node:timers/promises';
import { withoutStorage } from '../faults/machine.ts';
import { API_SCRIPTS, loseReplies, WORKER_SCRIPTS } from '../faults/network.ts';
import { seenWithin } from '../faults/signals.ts';
import type { ChaosProcess } from '../types.ts';
import { expectOneCall, expectSucceeded, type Song, type SmallRun, smallRow } from './small-run.ts';

/** Whoever of them runs the script first loses the reply to it. */
async function loseAnywhere(processes: readonly ChaosProcess[], script: string, limitMs: number): Promise<number> {
  const lost = await Promise.race([
    ...processes.map((each) =>
      loseReplies(each, script, { limitMs }).then((count) =>
        count > 0 ? count : new Promise<number>(() => undefined),
      ),
    ),
    delay(limitMs + 500, 0),
  ]);
  await Promise.all(processes.map((each) => each.proxy.heal()));
  return lost;
}

export const repliesLost = smallRow({
  row: 'X1',
  title: 'the reply to each script is lost after it ran: nothing happens twice',
  async play(small) {
    const { system } = small;
    const load = small.load();
    const failing: Song[] = [];
    for (const script of WORKER_SCRIPTS) {
      await small.breaking('X1', async () => {
        const losing = loseAnywhere(system.workers, script, 20_000);
        if (script === 'release') failing.push(...(await small.posts(3, '[sim:code=1001,x1,id=$]')));
        if (script === 'answered') await withoutStorage(system, 500);
        const lost = await losing;
        small.expect(lost > 0, `a worker lost ${lost} replies to ${script}`);
      });
    }
    const acted: Song[] = [];
    for (const script of API_SCRIPTS) {
      const target = await small.post('[sim:latency=700]');
      acted.push(target);
      await small.breaking('X1', async () => {
        const losing = loseAnywhere(system.apis, script, 20_000);
        if (script === 'reopen') await actUntil(small, target, 'cancel', 'canceled');
        if (script === 'cancel') await actUntil(small, target, 'cancel', 'canceled');
        if (script === 'reopen') await actUntil(small, target, 'retry', 'succeeded');
        const lost = await losing;
        small.expect(lost > 0, `an API lost ${lost} replies to ${script}`);
      });
    }
    const songs = await load.end();
    await small.rest();
    await expectSucceeded(small, [...songs, ...failing], 'songs');
    await expectOneCall(small, songs, 'songs');
    for (const song of failing) {
      const { calls } = await small.calls(song);
      small.expect(calls === 2, `job ${song.job}, refused once: ${calls} calls`);
    }
  },
});

/** Asks again while nobody knows whether it was done. */
async function actUntil(small: SmallRun, song: Song, op: 'cancel' | 'retry', status: string): Promise<void> {
  const key = `${op}-${song.key}`;
  await seenWithin(20_000, async () => {
    const now = await small.record(song);
    if (now?.status === status) return true;
    const path = `/v1/generations/${song.id}/${op}`;
    await small.ask(small.system.apis[0]!, { op, job: song.job, id: song.id, method: 'POST', path, key });
    await delay(200);
    return false;
  });
}
