import { describe, expect, it } from 'vitest';
import { agree, type PlainObjects } from './s3-agreement.ts';

type Objects = Map<string, { text: string; writtenMs: number }>;

/** A random number that a seed decides, so that a failing round can be run again. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return state / 2_147_483_648;
  };
}

/** Every call takes effect at a random turn of the event loop; the nth is never made, as if the process had died. */
function participant(objects: Objects, random: () => number, clock: () => number, diesAt: number): PlainObjects {
  let calls = 0;
  const turns = async () => {
    if (calls++ === diesAt) throw new Error('dead');
    for (let left = Math.floor(random() * 6); left > 0; left--) await new Promise(setImmediate);
  };
  return {
    async put(name, text) {
      await turns();
      objects.set(name, { text, writtenMs: clock() });
      await turns();
    },
    async get(name) {
      await turns();
      return objects.get(name)?.text ?? null;
    },
    async list() {
      await turns();
      const listed = [...objects].map(([name, { writtenMs }]) => ({ name, writtenMs }));
      await turns();
      return listed;
    },
  };
}

describe('an agreement without conditions', () => {
  it('is one and the same for all, whoever comes when and dies where', { timeout: 60_000 }, async () => {
    let agreements = 0;
    for (let seed = 1; seed <= 200; seed++) {
      const random = seeded(seed);
      const objects: Objects = new Map();
      let now = 0;
      const clock = () => now;
      const join = (who: string) => {
        const diesAt = random() < 0.2 ? Math.floor(random() * 6) : -1;
        const times = { mindMs: 40, deadMs: 1000 };
        return agree(participant(objects, random, clock, diesAt), who, `${who}\n`, times).catch(() => null);
      };
      const names = Array.from({ length: 4 }, (_, i) => `${Math.floor(random() * 1e6)}-${i}`);
      const first = await Promise.all(names.map(join));
      // Those who were in the way are dead by now; whoever comes later hears the same.
      now = 10_000;
      const later = await agree(participant(objects, random, clock, -1), `0-late`, '0-late\n', {
        mindMs: 5000,
        deadMs: 1000,
      });
      const texts = new Set([...first.filter((each) => each !== null), later].map(({ text }) => text));
      expect(texts.size, `seed ${seed}`).toBe(1);
      if (first.some((each) => each !== null)) agreements++;
    }
    expect(agreements).toBeGreaterThan(80);
  });

  it('waits for one who has not decided, and goes on without him when he is dead', async () => {
    const objects: Objects = new Map([['a.begun', { text: 'begun\n', writtenMs: 0 }]]);
    let now = 900;
    const self = () =>
      participant(
        objects,
        () => 0,
        () => now,
        -1,
      );
    const times = { mindMs: 100, deadMs: 1000 };
    await expect(agree(self(), 'b', 'b\n', times)).rejects.toMatchObject({ code: 'unavailable' });
    now = 1100;
    expect(await agree(self(), 'c', 'c\n', times)).toEqual({ winner: 'b', text: 'b\n' });
  });
});
