import { setTimeout as delay } from 'node:timers/promises';
import { readBills } from './billed.ts';
import { ask, askUntilKnown, download } from './client.ts';
import type { OwnChaosSystem } from './cluster.ts';
import { type JobPlan, planJob } from './job-plan.ts';
import { pick, randomOf } from './random.ts';
import { reviewed } from './review.ts';
import type { RedisView } from './redis-view.ts';

export interface WorkloadOptions {
  readonly seed: number;
  /** Songs to post at least; more are posted as long as faults need a load. */
  readonly jobs: number;
  /** Share of the faults that are through, 0 to 1: the songs are spread over them. */
  readonly progress: () => number;
}

export interface Workload {
  readonly posted: () => number;
  /** Contradictions that a client itself noticed, as sentences. */
  readonly complaints: readonly string[];
  /** Rejects when the workload itself broke. Resolves when all is posted, known and as settled as clients make it. */
  readonly finished: Promise<void>;
  /** No more than `jobs` songs from here on: the faults are over. */
  wrapUp(): void;
  /** Ends it where it is. */
  stop(): void;
}

/** Songs that wait or run at most: enough to keep every slot busy through a fault, few enough to settle soon after. */
const MOST_UNSETTLED = 80;
/** Below it more songs are posted than planned, so that no fault finds the system idle. */
const LEAST_UNSETTLED = 32;
/** Songs posted ahead of the share of faults that is through. */
const AHEAD = 40;
const POST_EVERY_MS = 20;
const WATCH_EVERY_MS = 400;

/** Clients that post songs, lose answers, ask again, cancel, retry, resolve, read and download. */
export function startWorkload(system: OwnChaosSystem, view: RedisView, options: WorkloadOptions): Workload {
  const { seed } = options;
  const complaints: string[] = [];
  const plans = new Map<string, JobPlan>();
  const open = new Set<Promise<void>>();
  let posted = 0;
  const stopping = new AbortController();
  const wrapping = new AbortController();
  const over = () => stopping.signal.aborted;
  const wrapped = () => wrapping.signal.aborted;

  /** Runs beside the rest; the first failure ends the workload. */
  const failure = Promise.withResolvers<never>();
  failure.promise.catch(() => undefined);
  function beside(work: () => Promise<void>): void {
    const running = work()
      .catch(failure.reject)
      .finally(() => open.delete(running));
    open.add(running);
  }

  function mayPost(unsettled: number): boolean {
    if (unsettled + open.size >= MOST_UNSETTLED) return false;
    if (wrapped()) return posted < options.jobs;
    return posted < options.jobs * options.progress() + AHEAD || unsettled < LEAST_UNSETTLED;
  }

  function bodyOf(plan: JobPlan): object {
    const url = `${system.receiver.url}/own`;
    return plan.told === null ? plan.body : { ...plan.body, webhook: { url, events: plan.told } };
  }

  async function post(plan: JobPlan): Promise<void> {
    const random = randomOf(seed, 'client', plan.number);
    const asked = {
      op: 'create' as const,
      job: plan.number,
      method: 'POST' as const,
      path: '/v1/generations',
      key: plan.idempotencyKey,
      body: bodyOf(plan),
    };
    const answers = await Promise.all(
      Array.from({ length: plan.twice ? 2 : 1 }, () => askUntilKnown(system, asked, random, over)),
    );
    if (answers.includes(null)) return;
    const ids = answers.map((answer) => answer!.body?.['id']);
    const id = ids[0];
    if (typeof id !== 'string' || ids.some((each) => each !== id)) {
      complaints.push(`job ${plan.number}: the same key was answered with ${answers.map(brief).join(' and ')}`);
      return;
    }
    plans.set(id, plan);
    if (plan.cancelAfterMs !== null) {
      await delay(plan.cancelAfterMs);
      await ask(system, pick(system.apis, random), {
        op: 'cancel',
        job: plan.number,
        method: 'POST',
        path: `/v1/generations/${id}/cancel`,
        id,
      });
    }
    if (plan.download) await waitAndDownload(plan, id);
    if (!plan.replay) return;
    const again = await askUntilKnown(system, asked, random, over);
    if (again !== null && again.body?.['id'] !== id) {
      complaints.push(`job ${plan.number}: its key gave ${id} and later ${brief(again)}`);
    }
  }

  async function waitAndDownload(plan: JobPlan, id: string): Promise<void> {
    const random = randomOf(seed, 'reader', plan.number);
    const read = { op: 'read' as const, job: plan.number, method: 'GET' as const, path: `/v1/generations/${id}`, id };
    for (let tries = 0; tries < 5 && !over(); tries++) {
      const api = pick(system.apis, random);
      const { body } = await ask(system, api, { ...read, headers: { prefer: 'wait=5' } });
      if (body?.['status'] !== 'succeeded') {
        // Without an answer at once: a pause, or a broken API would be asked in a tight loop.
        await delay(300);
        continue;
      }
      const told = (body['result'] as { sha256: string }).sha256;
      const got = await download(system, api, id);
      if ('sha256' in got && got.sha256 !== told) {
        complaints.push(`job ${plan.number}: ${id} is told as ${told} and downloads as ${got.sha256}`);
      }
      if ('status' in got && got.status !== null && got.status !== 503) {
        complaints.push(`job ${plan.number}: the song of ${id}, which succeeded, answers ${got.status}`);
      }
      return;
    }
  }

  async function keepPosting(): Promise<void> {
    while (!over() && !(wrapped() && posted >= options.jobs)) {
      const unsettled = await view.unsettled();
      for (let i = 0; i < 3 && mayPost(unsettled); i++) {
        posted += 1;
        const plan = planJob(seed, posted, new Date());
        beside(() => post(plan));
      }
      await delay(POST_EVERY_MS);
    }
  }

  const review = reviewed({ system, view, seed, plans, billed: readBills(system), over });
  async function keepWatching(): Promise<void> {
    while (!over()) {
      const acted = await review();
      const idle = posted >= options.jobs && wrapped() && open.size === 0 && !acted;
      if (idle && (await view.unsettled()) === 0) return;
      await delay(WATCH_EVERY_MS);
    }
  }

  return {
    posted: () => posted,
    complaints,
    finished: Promise.race([Promise.all([keepPosting(), keepWatching()]).then(() => undefined), failure.promise]),
    wrapUp() {
      wrapping.abort();
    },
    stop() {
      stopping.abort();
    },
  };
}

function brief(answer: { readonly status: number | null; readonly body: unknown } | null): string {
  if (answer === null) return 'nothing';
  return `${answer.status} ${JSON.stringify(answer.body)?.slice(0, 200)}`;
}
