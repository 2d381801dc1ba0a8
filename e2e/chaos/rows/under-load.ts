import { seenWithin } from '../faults/signals.ts';
import type { Fault, Row } from '../types.ts';
import { expectOneCall, expectSucceeded, type Song, type SmallRow, type SmallRun, smallRow } from './small-run.ts';

/** What a fault may cost the generations that it hits. All others are bought once. */
export type MayCost =
  /** Nobody pays for anything twice. */
  | 'nothing'
  /** The hit ones may be bought again within the budget; whoever is hit twice is a person's to decide. */
  | 'the hit'
  /** Anybody may be hit: the checker's budget alone counts. */
  | 'anybody';

/** A fault that meets nobody at work proves nothing. */
const LEAST_OPEN = 3;
const LOAD_MS = 10_000;

/** A row that injects these faults in turn, `times` each, while songs keep coming. */
export function underLoad(
  row: Omit<SmallRow, 'play'> & {
    readonly faults: readonly Fault[];
    readonly times?: number;
    readonly mayCost: MayCost;
    readonly afterwards?: (run: SmallRun, hit: readonly Song[], all: readonly Song[]) => Promise<void>;
  },
): Row {
  const { faults, times = 3, mayCost, afterwards, ...rest } = row;
  return smallRow({
    ...rest,
    async play(run) {
      const load = run.load();
      const ids = new Set<string>();
      for (let time = 0; time < times; time++) {
        for (const fault of faults) {
          await seenWithin(LOAD_MS, async () => (await run.system.sim.state()).open_calls >= LEAST_OPEN);
          const hit = (await run.inject(fault)).ids ?? [];
          for (const id of hit) ids.add(id);
          // One generation is hit by one fault: what two cost together is what the mixed run is for.
          await run.settledIds(hit);
        }
      }
      const all = await load.end();
      await run.rest();
      const hit = all.filter(({ id }) => ids.has(id));
      const others = all.filter(({ id }) => !ids.has(id));
      if (mayCost === 'nothing') await expectOneCall(run, all, 'songs');
      if (mayCost === 'the hit') await expectOneCall(run, others, 'songs that were not hit');
      if (mayCost !== 'anybody') await expectSucceeded(run, mayCost === 'nothing' ? all : others, 'songs');
      await expectNoneFailed(run, all);
      await afterwards?.(run, hit, all);
    },
  });
}

/** A fault of ours is no fault of the song: it succeeds, or a person is asked. */
async function expectNoneFailed(run: SmallRun, songs: readonly Song[]): Promise<void> {
  const counts = new Map<string, number>();
  for (const song of songs) {
    const status = (await run.record(song))?.status ?? 'gone';
    counts.set(status, (counts.get(status) ?? 0) + 1);
  }
  const told = [...counts].map(([status, count]) => `${count} ${status}`).join(', ');
  run.expect(
    [...counts.keys()].every((each) => each === 'succeeded' || each === 'needs_review'),
    `${songs.length} songs: ${told}`,
  );
}
