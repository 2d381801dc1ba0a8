import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openTestRecords, requestOf, type TestRecords } from '../../testing/records.ts';
import { startRedis, type TestRedis } from '../../testing/redis.ts';
import { feedWindow } from './feed.ts';
import { probeHoldsNow, readHold } from './hold.ts';

let server: TestRedis;
let records: TestRecords;
let opened = 0;

beforeAll(async () => {
  server = await startRedis();
});
beforeEach(async () => {
  opened += 1;
  records = openTestRecords(server.url, `t${opened}`);
  await records.alive('w1');
});
afterEach(() => records.close());
afterAll(() => server.stop());

const MINUTE = 60_000;
const HOUR = 3_600_000;

/** Accepts one and lets its call be refused because of the account (or its model). */
async function trip(scope = 'account', model = 'music-01'): Promise<string> {
  const id = await records.accepted({ request: requestOf({ model }) });
  const kind = scope === 'account' ? 'account' : 'model';
  await records.release(id, await records.claimed(id), kind, { hold: scope, firstProbeMs: MINUTE });
  return id;
}

const intervalOf = (scope: string) => records.store.redis.hget(records.store.keys.hold(scope), 'interval').then(Number);

describe('a hold', () => {
  it('fails nothing, burns no attempt and stops every call until its probe is due', async () => {
    const tripper = await trip();
    const other = await records.accepted();
    expect(await records.read(tripper)).toMatchObject({ status: 'queued', counted: 0, unknownCharges: 0 });
    for (const id of [tripper, other]) {
      const held = await records.claim(id);
      expect(held).toMatchObject({ outcome: 'held', scope: 'account' });
      expect((held as { ms: number }).ms).toBeLessThanOrEqual(MINUTE);
    }
    expect(await readHold(records.store, 'account')).toMatchObject({
      scope: 'account',
      code: 'upstream_unavailable',
      reason: 'it was account',
    });
  });

  it('is not first probed by the request that tripped it while another one waits', async () => {
    const tripper = await trip();
    const other = await records.accepted();
    await probeHoldsNow(records.store);
    expect(await records.claim(tripper)).toMatchObject({ outcome: 'yield' });
    expect(await records.claim(other)).toMatchObject({ outcome: 'claimed' });
  });

  it('yields to another one even when the tripping request is parked and only one other waits', async () => {
    const tripper = await records.accepted();
    const other = await records.accepted();
    const token = await records.claimed(tripper);
    await records.release(tripper, token, 'account', { hold: 'account', firstProbeMs: MINUTE, delayMs: MINUTE });
    await probeHoldsNow(records.store);
    await records.due(tripper);
    expect(await records.claim(tripper)).toMatchObject({ outcome: 'yield' });
    expect(await records.claim(other)).toMatchObject({ outcome: 'claimed' });
  });

  it('is probed by the request that tripped it when nobody else is there, or takes the turn', async () => {
    const alone = await trip();
    await probeHoldsNow(records.store);
    await records.publish(alone, await records.claimed(alone));
    const again = await trip();
    await records.accepted();
    await probeHoldsNow(records.store);
    expect(await records.claim(again)).toMatchObject({ outcome: 'yield' });
    expect(await records.claim(again)).toMatchObject({ outcome: 'claimed' });
  });

  it('lets one probe through at a time', async () => {
    await trip();
    const ids = [await records.accepted(), await records.accepted(), await records.accepted()];
    await probeHoldsNow(records.store);
    const answers = await Promise.all(ids.map((id) => records.claim(id)));
    expect(answers.map(({ outcome }) => outcome).sort()).toEqual(['claimed', 'held', 'held']);
  });

  it('gives the probe to another one when the prober never came back', async () => {
    await trip();
    const [first, second] = [await records.accepted(), await records.accepted()];
    await probeHoldsNow(records.store);
    await records.claimed(first);
    expect(await records.claim(second)).toMatchObject({ outcome: 'held' });
    await records.store.redis.hset(records.store.keys.hold('account'), 'probe_until', 1);
    expect(await records.claim(second)).toMatchObject({ outcome: 'claimed' });
  });

  it('gives the probe to another one as soon as the worker of the prober is dead', async () => {
    await trip();
    const [first, second] = [await records.accepted(), await records.accepted()];
    await probeHoldsNow(records.store);
    await records.claimed(first);
    expect(await records.claim(second, { worker: 'w2' })).toMatchObject({ outcome: 'held' });
    await records.dead('w1');
    expect(await records.claim(second, { worker: 'w2' })).toMatchObject({ outcome: 'claimed' });
  });

  it('is announced once when it begins and once when it ends, however many workers meet it', async () => {
    const { redis, keys } = records.store;
    const workers = Array.from({ length: 10 }, (_, n) => `w${n}`);
    for (const worker of workers) await records.alive(worker);
    const calls = await Promise.all(
      workers.map(async (worker) => {
        const id = await records.accepted();
        return { id, token: await records.claimed(id, { worker }) };
      }),
    );
    await Promise.all(calls.map(({ id, token }) => records.release(id, token, 'account', { hold: 'account' })));
    await probeHoldsNow(records.store);
    const probes = await Promise.all(
      calls.map(async ({ id }, n) => ({
        id,
        ...(await records.claim(id, { worker: workers[n]!, token: `p${n}` })),
        token: `p${n}`,
      })),
    );
    const prober = probes.find(({ outcome }) => outcome === 'claimed')!;
    await Promise.all([0, 1, 2].map(() => records.publish(prober.id, prober.token)));
    const events = await redis.xrange(keys.events, '-', '+');
    const kinds = events.map(([, fields]) => fields[1]).filter((kind) => kind!.startsWith('account.'));
    expect(kinds).toEqual(['account.held', 'account.resumed']);
  });

  it('is not probed by a song that may have been billed once while another one waits, and by that one if it is alone', async () => {
    const tried = await records.accepted();
    await records.release(tried, await records.claimed(tried), 'timeout');
    await trip();
    const fresh = await records.accepted();
    await probeHoldsNow(records.store);
    expect(await records.claim(tried)).toMatchObject({ outcome: 'yield' });
    const token = await records.claimed(fresh);
    await records.release(fresh, token, 'not_sent');
    await records.cancel(fresh);
    const { redis, keys } = records.store;
    for (const id of await redis.zrange(keys.window, '0', '-1')) if (id !== tried) await records.cancel(id);
    await probeHoldsNow(records.store);
    expect(await records.claim(tried)).toMatchObject({ outcome: 'claimed' });
  });

  it('doubles its pause with each refused probe, up to one hour', async () => {
    await trip();
    const id = await records.accepted();
    const seen = [];
    for (let n = 0; n < 8; n++) {
      await probeHoldsNow(records.store);
      const answer = await records.release(id, await records.claimed(id), 'account', { hold: 'account' });
      seen.push(await intervalOf('account'));
      const { heldMs } = answer as { heldMs: number };
      expect(heldMs).toBeLessThanOrEqual(seen.at(-1)!);
      expect(heldMs).toBeGreaterThan(seen.at(-1)! - MINUTE);
    }
    expect(seen.map((ms) => ms / MINUTE)).toEqual([2, 4, 8, 16, 32, 60, 60, 60]);
    expect(await intervalOf('account')).toBe(HOUR);
  });

  it('keeps its pause when the probe learnt nothing', async () => {
    await trip();
    const id = await records.accepted();
    await probeHoldsNow(records.store);
    const token = await records.claimed(id);
    expect(await records.release(id, token, 'not_sent')).toMatchObject({ lifted: false });
    expect(await intervalOf('account')).toBe(MINUTE);
    expect(await records.claim(id)).toMatchObject({ outcome: 'held' });
  });

  it('is lifted by the song of its probe', async () => {
    await trip();
    const id = await records.accepted();
    await probeHoldsNow(records.store);
    expect(await records.publish(id, await records.claimed(id))).toEqual({ outcome: 'published', lifted: true });
    expect(await readHold(records.store, 'account')).toBeNull();
    expect(await records.claim(await records.accepted())).toMatchObject({ outcome: 'claimed' });
  });

  it.each(['content_rejected', 'invalid_request', 'stated_failure', 'unusable_audio'] as const)(
    'is lifted when the upstream judged the request of its probe: %s',
    async (kind) => {
      await trip();
      const id = await records.accepted();
      await probeHoldsNow(records.store);
      expect(await records.release(id, await records.claimed(id), kind)).toMatchObject({ lifted: true, heldMs: 0 });
      expect(await readHold(records.store, 'account')).toBeNull();
    },
  );

  it('is not lifted by a call that was claimed before it began', async () => {
    const under = [await records.accepted(), await records.accepted()];
    const tokens = [await records.claimed(under[0]!), await records.claimed(under[1]!)];
    await trip();
    expect(await records.publish(under[0]!, tokens[0]!)).toEqual({ outcome: 'published', lifted: false });
    expect(await records.release(under[1]!, tokens[1]!, 'stated_failure')).toMatchObject({ lifted: false });
    expect(await readHold(records.store, 'account')).not.toBeNull();
  });

  it('is not lifted by a song that was found in storage and whose call nobody remembers', async () => {
    await trip();
    const id = await records.accepted();
    const key = records.store.keys.hold('account');
    await records.store.redis.hset(key, 'since', Date.now() - MINUTE);
    expect(await records.publish(id, 'found-in-storage')).toEqual({ outcome: 'published', lifted: false });
    expect(await readHold(records.store, 'account')).not.toBeNull();
  });

  it('learns nothing from calls that were under way when it began', async () => {
    const under = await records.accepted();
    const token = await records.claimed(under);
    await trip();
    const before = await readHold(records.store, 'account');
    await records.release(under, token, 'account', { hold: 'account', firstProbeMs: 10 * MINUTE });
    expect(await readHold(records.store, 'account')).toEqual(before);
    expect(await intervalOf('account')).toBe(MINUTE);
  });

  it('of one model leaves other models alone', async () => {
    await trip('model:music-02', 'music-02');
    const held = await records.accepted({ request: requestOf({ model: 'music-02' }) });
    expect(await records.claim(held)).toMatchObject({ outcome: 'held', scope: 'model:music-02' });
    expect(await records.claim(await records.accepted())).toMatchObject({ outcome: 'claimed' });
  });

  it('of one model does not let its backlog fill the window', async () => {
    const { redis, keys } = records.store;
    await trip('model:music-02', 'music-02');
    await redis.set(`${keys.root}window-size`, 3);
    const held = [];
    for (let n = 0; n < 4; n++) held.push(await records.accepted({ request: requestOf({ model: 'music-02' }) }));
    const free = await records.accepted();
    for (;;) {
      for (const id of await redis.zrange(keys.window, '0', '-1')) {
        if (id === free) return;
        expect(await records.claim(id)).toMatchObject({ outcome: 'held' });
        expect(await redis.zscore(keys.parked, id)).not.toBeNull();
      }
      expect(await feedWindow(records.store, { worker: 'w1', leaseMs: 60_000, most: 100 })).not.toEqual([]);
    }
  });

  it('of one model is asked about again soon, by fewer the more they are, so that a resume or a lift is seen', async () => {
    const { redis, keys } = records.store;
    await trip('model:music-02', 'music-02');
    const first = await records.accepted({ request: requestOf({ model: 'music-02' }) });
    expect(await records.claim(first)).toEqual({ outcome: 'held', scope: 'model:music-02', ms: 5000 });
    for (let n = 0; n < 100; n++) await redis.zadd(keys.parked, Date.now() + HOUR, `gen_parked_${n}`);
    const second = await records.accepted({ request: requestOf({ model: 'music-02' }) });
    expect(await records.claim(second)).toMatchObject({ outcome: 'held', ms: (100 + 1) * 200 });
  });

  it("of a model does not let a held call use up the account's probe", async () => {
    await trip('model:music-02', 'music-02');
    await trip();
    const held = await records.accepted({ request: requestOf({ model: 'music-02' }) });
    const free = await records.accepted();
    const key = records.store.keys.hold('account');
    await records.store.redis.hset(key, 'next_probe_at', 1);
    expect(await records.claim(held)).toMatchObject({ outcome: 'held', scope: 'model:music-02' });
    expect(await records.claim(free)).toMatchObject({ outcome: 'claimed' });
  });

  it('that stops the follow-up of a dead call shows the generation as waiting', async () => {
    const id = await records.accepted();
    await records.alive('w1');
    await records.claimed(id);
    await trip();
    await records.dead('w1');
    expect(await records.claim(id, { worker: 'w2' })).toMatchObject({ outcome: 'held' });
    expect(await records.read(id)).toMatchObject({ status: 'queued', unknownCharges: 1 });
  });

  it('answers the scopes it probes, and nothing while nothing is held', async () => {
    expect(await probeHoldsNow(records.store)).toEqual([]);
    await trip('model:music-02', 'music-02');
    await trip();
    expect((await probeHoldsNow(records.store)).sort()).toEqual(['account', 'model:music-02']);
  });
});
