import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { giveOrder, obeyOrders } from './crash-orders.ts';

let folder: string;
let path: string;
let end: () => void;
let ended: Promise<void>;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sgm-'));
  path = join(folder, 'worker.json');
  const resolvers = Promise.withResolvers<void>();
  end = resolvers.resolve;
  ended = resolvers.promise;
});
afterEach(() => {
  end();
  rmSync(folder, { recursive: true, force: true });
});

describe('an order for a crash point', () => {
  it('is obeyed at that point, of that generation, and only as often as it says', async () => {
    const order = giveOrder(path, { point: 'stored', how: 'throw', id: 'gen_a', times: 2 }, ended);
    const reach = obeyOrders(path);
    reach('answered', 'gen_a');
    reach('stored', 'gen_b');
    expect(() => reach('stored', 'gen_a')).toThrow('stored');
    expect(() => reach('stored', 'gen_a')).toThrow('stored');
    reach('stored', 'gen_a');
    expect(await order.fired).toBe('gen_a');
  });

  it('holds no more once it was taken back', async () => {
    const order = giveOrder(path, { point: 'claimed', how: 'throw' }, ended);
    await order.disarm();
    obeyOrders(path)('claimed', 'gen_a');
    expect(await order.fired).toBeNull();
  });

  it('goes with its process, so that the next one does not find it', async () => {
    const order = giveOrder(path, { point: 'claimed', how: 'kill' }, ended);
    end();
    expect(await order.fired).toBeNull();
    obeyOrders(path)('claimed', 'gen_a');
  });

  it('is not ended by an older one of the same worker', async () => {
    const first = giveOrder(path, { point: 'claimed', how: 'throw' }, ended);
    const second = giveOrder(path, { point: 'stored', how: 'throw' }, ended);
    await first.disarm();
    expect(() => obeyOrders(path)('stored', 'gen_b')).toThrow('stored');
    expect([await first.fired, await second.fired]).toEqual([null, 'gen_b']);
  });
});
