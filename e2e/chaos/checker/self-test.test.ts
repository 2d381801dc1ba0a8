import { closeDeadCall } from '@songmill/shared/runtime/records/died';
import { LIMITS } from '@songmill/shared/testing/records';
import { requires } from '@songmill/shared/testing/requires';
import { startRedis, type TestRedis } from '@songmill/shared/testing/redis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FORGERIES } from './forge/forgeries.ts';
import type { RunInTheMaking } from './forge/honest-run.ts';
import { verdictOn } from './self-test.ts';

describe('the checker of the fault suite', requires('redis-server|valkey-server'), () => {
  let redis: TestRedis;
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(async () => redis?.stop());

  it('objects to nothing in an honest run, and counts it right', async () => {
    const { violations, figures } = await verdictOn(redis.url, 'honest', async () => undefined);
    expect(violations).toEqual([]);
    expect(figures).toEqual({
      accepted: 7,
      by_status: { succeeded: 3, canceled: 1, failed: 1, needs_review: 1, deleted: 1 },
      lost: 0,
      double_published: 0,
      ledger_calls: 10,
      ledger_charges: 10,
      calls_without_record: 0,
      attempts_charge_unknown: 3,
      spares: 1,
      calls_per_generation: 10 / 7,
      webhooks_asked_for: 9,
      webhooks_received: 9,
    });
  });

  it('a receiver that says that it is gone misses what was on its way, and an endpoint what happens until it is enabled', async () => {
    const { violations } = await verdictOn(redis.url, 'gone', async (run) => {
      const own = { url: 'http://receiver.test/gone', events: ['generation.queued' as const] };
      await run.records.cancel(await run.create());
      await run.deliver({ answered: 410 });
      await run.records.cancel(await run.create());
      await run.create({}, own).then((id) => run.records.cancel(id));
      await run.deliver({ answered: 410 });
    });
    expect(violations).toEqual([]);
  });

  it('a call of a dead worker that is closed after an earlier call brought the song counts toward nothing', async () => {
    const { violations } = await verdictOn(redis.url, 'afterwards', async (run) => {
      const id = await run.create();
      const first = await run.intend(id);
      await run.records.cancel(id);
      await run.records.reopen(id);
      const second = await run.intend(id, 2);
      for (const event of ['call', 'gone'] as const) run.ledger.append({ event, ...run.ledgerLine(id, second) });
      await run.bringSong(id, first);
      await closeDeadCall(run.records.store, { id, token: second, worker: 'wrk_dead', ...LIMITS });
      await run.deliver();
      await run.journal.write({ event: 'settled', id, token: second });
      await run.ledger.settled();
    });
    expect(violations).toEqual([]);
  });

  it('what a run may lose is counted and not objected to; one more is', async () => {
    const loseTwo = async (run: RunInTheMaking) => {
      await run.lose(run.made.simple);
      await run.lose(run.made.repeated);
    };
    const may = (mayLose: number) =>
      verdictOn(redis.url, `lost${mayLose}`, loseTwo, { mayLose, mayLoseBecause: 'the power was cut' });
    const allowed = await may(2);
    expect(allowed.violations).toEqual([]);
    expect(allowed.figures).toMatchObject({ lost: 2, calls_without_record: 0 });
    expect((await may(1)).violations.map((each) => each.invariant)).toEqual(['I1', 'I1']);
  });

  it('where Redis may forget, a call must still stand in a journal on disk', async () => {
    const { violations, figures } = await verdictOn(
      redis.url,
      'unwritten',
      async (run) => {
        await run.lose(run.made.simple);
        await run.ledger.appendDurably({ event: 'call', ...run.ledgerLine(run.made.simple, 'unrecorded') });
      },
      { mayLose: 1, mayLoseBecause: 'the power was cut' },
    );
    expect(violations.map((each) => each.invariant)).toEqual(['I4']);
    expect(figures).toMatchObject({ lost: 1, calls_without_record: 1 });
  });

  it.each(FORGERIES.map((each, i) => ({ ...each, i })))(
    '$invariant objects to $name',
    async ({ i, invariant, forge }) => {
      const { violations } = await verdictOn(redis.url, `forged${i}`, forge);
      expect(violations.map((each) => each.invariant)).toContain(invariant);
    },
  );
});
