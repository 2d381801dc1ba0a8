import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { exhaustFiles, rollingRestart, storageGone } from '../faults/machine.ts';
import { readiness, seenWithin } from '../faults/signals.ts';
import { openStorage, type Storage } from '@songmill/shared/runtime/storage/storage';
import {
  BUCKET,
  KEYS,
  type ObjectStore,
  startObjectStore,
} from '@songmill/shared/runtime/storage/testing/object-store';
import type { Fault, Row } from '../types.ts';
import { type OldBuild, takeOldBuild } from './old-build.ts';
import { mountSmallDisk, type SmallDisk } from './small-disk.ts';
import { expectOneCall, expectSucceeded, type Surroundings, smallRow } from './small-run.ts';
import { underLoad } from './under-load.ts';

/** Storage that is full or away, clocks that differ, no more files, builds of two ages. */

let disk: SmallDisk;
const diskFull = smallRow({
  row: 'S1',
  title: 'the disk of the songs is full: the store is tried again, the call is not',
  needs: ['mount', 'root'],
  async around(): Promise<Surroundings> {
    disk = await mountSmallDisk('8m');
    const url = `file:${join(disk.path, 'songs')}`;
    const storage = await openStorage(url, {});
    return {
      options: { env: { STORAGE_URL: url } },
      storage,
      async stop() {
        await storage.stop();
        await disk.stop();
      },
    };
  },
  async play(run) {
    for (let time = 0; time < 2; time++) {
      const songs = await run.posts(8, '[sim:latency=700]');
      await run.breaking('S1', async () => {
        await seenWithin(10_000, async () => (await run.system.sim.state()).open_calls > 0);
        await disk.fill();
        const full = await seenWithin(15_000, () =>
          run.system.workers.some((each) => each.process!.output().includes('storing a paid song failed')),
        );
        await delay(1500);
        await disk.empty();
        run.expect(full !== null, 'a paid song had to wait for room');
      });
      await expectSucceeded(run, songs, 'songs');
      await expectOneCall(run, songs, 'songs');
    }
  },
});

let store: ObjectStore;
const s3Faults: readonly { readonly title: string; readonly fault: ObjectStore['fault'] }[] = [
  { title: 'answers 503', fault: () => ({ kind: 'answer', status: 503, code: 'SlowDown' }) },
  { title: 'loses its answers', fault: (line) => (line.startsWith('PUT') ? { kind: 'lose the answer' } : null) },
  { title: 'says nothing', fault: () => ({ kind: 'silence' }) },
  {
    title: 'takes less than was sent',
    fault: (line) => (line.startsWith('PUT') ? { kind: 'take less', bytes: 100 } : null),
  },
];

const objectStore = smallRow({
  row: 'S2',
  title: 'the object store fails in every way: only the store is tried again, each song is bought once',
  async around(): Promise<Surroundings> {
    store = await startObjectStore();
    const env = {
      STORAGE_URL: `s3://${BUCKET}/mill?endpoint=${store.url}`,
      AWS_ACCESS_KEY_ID: KEYS.accessKeyId,
      AWS_SECRET_ACCESS_KEY: KEYS.secretAccessKey,
    };
    const storage: Storage = await openStorage(env.STORAGE_URL, env);
    return {
      options: { env },
      storage,
      async stop() {
        await storage.stop();
        await store.stop();
      },
    };
  },
  async play(run) {
    for (const { title, fault } of s3Faults) {
      const songs = await run.posts(6, '[sim:latency=500]');
      await run.breaking('S2', async () => {
        await seenWithin(10_000, async () => (await run.system.sim.state()).open_calls > 0);
        let met = 0;
        store.fault = (line) => {
          const misdeed = fault(line);
          if (misdeed !== null) met += 1;
          return misdeed;
        };
        await seenWithin(10_000, () => met);
        await delay(1500);
        store.fault = () => null;
        run.expect(met > 0, `the store ${title}: ${met} times`);
      });
      await expectSucceeded(run, songs, `songs while the store ${title}`);
      await expectOneCall(run, songs, `songs while the store ${title}`);
    }
  },
});

const SKEW_MS = 10 * 60_000;

/** Loaded before the program: its wall clock is off, its timers go on as on any machine whose clock is wrong. */
function shiftedClock(ms: number): string {
  const code = `
    const Real = Date;
    globalThis.Date = class extends Real {
      constructor(...given) {
        if (given.length === 0) super(Real.now() + ${ms});
        else super(...given);
      }
      static now() {
        return Real.now() + ${ms};
      }
    };`;
  return `--import=data:text/javascript,${encodeURIComponent(code)}`;
}

const skewed = smallRow({
  row: 'C1',
  title: 'clocks that differ by ten minutes: nothing starts early, nothing is bought twice, /readyz says so',
  async play(run) {
    const { workers, apis } = run.system;
    await run.breaking('C1', async () => {
      for (const [each, ms] of [
        [workers[0]!, SKEW_MS],
        [workers[1]!, -SKEW_MS],
        [apis[0]!, SKEW_MS],
      ] as const) {
        await each.stop();
        await each.start({ NODE_OPTIONS: shiftedClock(ms) });
      }
      const told = await seenWithin(15_000, async () => /clock/i.test((await readiness(apis[0]!))?.text ?? ''));
      run.expect(
        told !== null,
        `/readyz of the API that is ahead ${told === null ? 'does not speak' : 'speaks'} of the clock`,
      );
      const load = run.load();
      const failing = await run.posts(6, '[sim:code=1001,x2,id=$]');
      const at = Date.now() + 4000;
      const later = await run.posts(3, '', { run_at: new Date(at).toISOString() });
      await delay(4000);
      const songs = await load.end();
      await expectSucceeded(run, [...songs, ...failing, ...later], 'songs');
      await expectOneCall(run, [...songs, ...later], 'songs');
      const early = [];
      for (const song of later) {
        const first = (await run.calls(song)).lines[0]!;
        if (Date.parse(first.at) < at - 100) early.push(song.job);
      }
      run.expect(early.length === 0, `of ${later.length} songs with a time to start, ${early.length} started early`);
    });
  },
});

const noFiles: Fault = {
  row: 'C2',
  title: 'each kind of process in turn may open no more files',
  weight: 1,
  async inject({ apis, workers }) {
    const effects = [await exhaustFiles(apis[0]!, 1500), await exhaustFiles(workers[0]!, 1500)];
    return { effective: effects.every((each) => each.effective), seen: effects.map(({ seen }) => seen).join('; ') };
  },
};

let old: OldBuild;
const twoBuilds = smallRow({
  row: 'D1',
  title: 'an old build and this one work on the same records, and replace each other under load',
  needs: ['git', 'tar'],
  async around() {
    old = await takeOldBuild();
    // The old build does not know yet that anybody may be told.
    return { options: { workers: 2, told: false }, stop: () => old.stop() };
  },
  async play(run) {
    const load = run.load();
    await run.breaking('D1', async () => {
      const elder = await run.system.addWorker({ main: old.worker, env: old.env });
      await seenWithin(20_000, () => elder.process!.output().includes('song stored'));
      run.expect(elder.process!.output().includes('song stored'), 'the old build stored songs beside the new one');
      const [first, second] = run.system.workers;
      await first!.stop();
      await second!.stop();
      await delay(1500);
      await first!.start();
      await second!.start();
      await delay(1000);
      await run.system.removeWorker(elder);
    });
    const songs = await load.end();
    await expectSucceeded(run, songs, 'songs');
    await expectOneCall(run, songs, 'songs');
  },
});

export const MACHINE_ROWS: readonly Row[] = [
  underLoad({
    row: 'S1',
    title: 'the folder of the songs cannot be used: nothing is bought meanwhile, and nothing twice',
    faults: [storageGone],
    mayCost: 'nothing',
  }),
  diskFull,
  objectStore,
  skewed,
  underLoad({
    row: 'C2',
    title: 'processes may open no more files: they say so, and go on by themselves afterwards',
    needs: ['prlimit'],
    faults: [noFiles],
    times: 2,
    mayCost: 'anybody',
  }),
  underLoad({
    row: 'D1',
    title: 'every process is restarted in turn, under load: nothing is lost or bought twice',
    faults: [rollingRestart],
    times: 2,
    mayCost: 'nothing',
  }),
  twoBuilds,
];
