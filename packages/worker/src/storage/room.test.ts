import { tmpdir } from 'node:os';
import type { Foundations, FoundationsReport } from '@songmill/shared/runtime/foundations/foundations';
import type { Storage } from '@songmill/shared/runtime/storage/storage';
import { expect, it } from 'vitest';
import { onlyTheRightStorage, roomForSongs } from './room.ts';

it('fault: a paid song is stored only where the others will find it, and stays in the spool until then', async () => {
  const stored: string[] = [];
  const storage = { store: async (key: string) => void stored.push(key) } as unknown as Storage;
  let status: FoundationsReport['storage']['status'] = 'unavailable';
  const look = async () => ({ storage: { status, reason: 'the storage is empty' } }) as FoundationsReport;
  const guarded = onlyTheRightStorage(storage, { look } satisfies Pick<Foundations, 'look'>);
  await expect(guarded.store('gen_1/a.mp3', '/spool/a')).rejects.toMatchObject({
    ...{ name: 'StorageError', code: 'unavailable', message: 'the storage is empty' },
  });
  expect(stored).toEqual([]);
  // Little room holds back new calls, not what is paid for.
  status = 'low';
  await guarded.store('gen_1/a.mp3', '/spool/a');
  expect(stored).toEqual(['gen_1/a.mp3']);
});

it('the room for songs is the smaller one of storage and spool, and none where the spool is not there', async () => {
  const withRoom = (free: number | null) => ({ freeBytes: async () => free }) as unknown as Storage;
  expect(await roomForSongs(withRoom(7), tmpdir())).toBe(7);
  expect(await roomForSongs(withRoom(null), tmpdir())).toBeGreaterThan(7);
  expect(await roomForSongs(withRoom(7), `${tmpdir()}/not-there`)).toBeLessThan(0);
});
