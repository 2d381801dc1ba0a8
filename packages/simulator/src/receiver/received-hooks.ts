import type { IncomingHttpHeaders } from 'node:http';
import { OpenCalls } from '../open-calls.ts';
import { type HookAnswer, PLAIN_ANSWER, type PlanChange } from './plan.ts';
import type { Verdict } from './verdict.ts';

const MOST_KEPT = 1000;
const MOST_KEPT_BYTES = 64 * 1024 * 1024;
const MOST_PLANS = 1000;

/** One delivery as `GET /_sim/hooks` shows it. */
export interface ReceivedHook {
  /** From 1, in the order they came. */
  readonly n: number;
  readonly at: string;
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly webhook_id: string | null;
  readonly verdict: Verdict;
  /** The status that went out; null: none did, or not all of it. */
  answered: number | null;
}

interface Plan {
  secrets: readonly string[] | null;
  answers: HookAnswer[];
  otherwise: HookAnswer | null;
}

/** What the receiver was sent and how it is to answer. Memory is bounded: the oldest make room. */
export class ReceivedHooks {
  /** Apart from the upstream's calls, which are counted. */
  readonly calls = new OpenCalls();
  #plans = new Map<string | null, Plan>();
  #kept: ReceivedHook[] = [];
  #keptBytes = 0;
  #received = 0;

  /** @throws RangeError for more plans than anybody needs */
  plan({ path, secrets, answers, otherwise }: PlanChange): void {
    if (!this.#plans.has(path) && this.#plans.size >= MOST_PLANS) throw new RangeError(`at most ${MOST_PLANS} plans`);
    const plan = this.#plans.get(path) ?? { secrets: null, answers: [], otherwise: null };
    plan.secrets = secrets ?? plan.secrets;
    plan.answers = answers?.map((answer) => ({ ...answer })) ?? plan.answers;
    plan.otherwise = otherwise ?? plan.otherwise;
    this.#plans.set(path, plan);
  }

  secretsFor(path: string): readonly string[] {
    return this.#plans.get(path)?.secrets ?? this.#plans.get(null)?.secrets ?? [];
  }

  /** Takes the next answer for a path. */
  answerFor(path: string): HookAnswer {
    const plans = [this.#plans.get(path), this.#plans.get(null)];
    for (const plan of plans) {
      const next = plan?.answers[0];
      if (plan !== undefined && next !== undefined) {
        next.times -= 1;
        if (next.times === 0) plan.answers.shift();
        return next;
      }
      if (plan?.otherwise) return plan.otherwise;
    }
    return PLAIN_ANSWER;
  }

  keep(hook: Omit<ReceivedHook, 'n' | 'answered'>): ReceivedHook {
    this.#received += 1;
    const kept = { n: this.#received, ...hook, answered: null };
    this.#kept.push(kept);
    this.#keptBytes += kept.body.length;
    while (this.#kept.length > MOST_KEPT || this.#keptBytes > MOST_KEPT_BYTES) {
      this.#keptBytes -= this.#kept.shift()?.body.length ?? 0;
    }
    return kept;
  }

  /** Those that are kept, oldest first; `received` counts also those that are not. */
  view(after: number, path: string | null): { received: number; deliveries: ReceivedHook[] } {
    const deliveries = this.#kept.filter((hook) => hook.n > after && (path === null || hook.path === path));
    return { received: this.#received, deliveries };
  }

  /** As at the start. */
  forget(): void {
    this.#plans.clear();
    this.#kept = [];
    this.#keptBytes = 0;
    this.#received = 0;
  }
}
