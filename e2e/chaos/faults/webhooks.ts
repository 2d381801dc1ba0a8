import type { ChaosSystem, DeliveryLine, Effect, Fault, Manner } from '../types.ts';
import { killAt } from './kills.ts';
import { effect, keysIn, seenWithin, withRedis } from './signals.ts';

/** Receivers of webhooks that fail in every way, and senders that die before they can write down what they sent. */

/** A webhook comes within this, or the fault has found nothing to hit. */
const WORK_MS = 6000;
/** What failed comes again within this, though others that failed go first. */
const AGAIN_MS = 20_000;
const MOST_HIT = 4;

function answersWith(row: string, title: string, manner: Manner, weight: number): Fault {
  return {
    row,
    title,
    weight,
    async inject({ receiver }) {
      const since = receiver.lines.length;
      const hit = () => receiver.lines.slice(since).filter((line) => line.manner === manner);
      receiver.answer(() => manner);
      await seenWithin(WORK_MS, () => hit().length >= MOST_HIT);
      receiver.answerWell();
      return cameAgain(receiver.lines, hit(), `that ${TOLD[manner]}`);
    },
  };
}

const TOLD: Readonly<Record<Manner, string>> = {
  well: 'were taken',
  refuse: 'were answered 500',
  redirect: 'were redirected',
  gone: 'were answered 410',
  silent: 'were not answered',
  reset: 'were cut off',
  half: 'were half answered',
  lose: 'were answered 204, which got lost',
};

/** What failed came again to the same URL under the same id, and was taken. */
async function cameAgain(lines: readonly DeliveryLine[], hit: readonly DeliveryLine[], what: string): Promise<Effect> {
  const names = new Set(hit.map(({ webhook_id: id, url }) => `${id} ${url}`));
  const taken = () =>
    new Set(
      lines
        .filter(({ manner, whole }) => manner === 'well' && whole)
        .map(({ webhook_id: id, url }) => `${id} ${url}`)
        .filter((name) => names.has(name)),
    ).size;
  if (names.size === 0) return effect(false, 'no webhook came');
  const all = await seenWithin(AGAIN_MS, () => taken() === names.size);
  return effect(all !== null, `${taken()} of ${names.size} webhooks ${what} came again under the same id`);
}

export const receiverSilent = answersWith('H1', 'the receiver of webhooks does not answer in time', 'silent', 3);
export const receiverFails = answersWith('H1', 'the receiver of webhooks answers 500', 'refuse', 4);
export const receiverCuts = answersWith('H1', 'the receiver of webhooks cuts connections', 'reset', 4);
export const receiverBreaksOff = answersWith('H1', 'the receiver of webhooks breaks off in its answer', 'half', 4);
export const receiverRedirects = answersWith('H2', 'the receiver of webhooks redirects', 'redirect', 4);
export const answersLost = answersWith('H4', 'answers to webhooks get lost on their way back', 'lose', 4);

/** H3: only URLs of requests, because an endpoint would be told nothing more. */
export const ownUrlGone: Fault = {
  row: 'H3',
  title: 'the URL of requests answers 410',
  weight: 3,
  async inject({ receiver }) {
    const since = receiver.lines.length;
    const hit = () => receiver.lines.slice(since).filter(({ manner }) => manner === 'gone').length;
    receiver.answer((path) => (path === '/own' ? 'gone' : 'well'));
    await seenWithin(WORK_MS, () => hit() >= MOST_HIT);
    receiver.answerWell();
    return effect(hit() > 0, `${hit()} webhooks were answered 410`);
  },
};

/** H5: the receiver took it, and nothing says so. */
export const killedAfterDelivery: Fault = {
  row: 'H5',
  title: 'a sender of webhooks is killed after the answer, before it is written down',
  weight: 5,
  scope: 'process',
  async inject(system) {
    const killed = await killAt(system, 'delivered', { limitMs: WORK_MS });
    if (killed === null) return effect(false, 'no worker sent a webhook');
    const [id, url] = await aboutDelivery(system, killed.id);
    const came = () => system.receiver.lines.filter((line) => line.webhook_id === id && line.url === url).length;
    const again = await seenWithin(AGAIN_MS, () => came() > 1);
    const seen = `${killed.victim.name} was killed after it sent ${id}, which came ${came()} times`;
    return effect(again !== null, seen, killed.others);
  },
};

async function aboutDelivery(system: ChaosSystem, delivery: string): Promise<(string | null)[]> {
  return withRedis(system, (redis) => redis.hmget(`${keysIn(system).root}d:${delivery}`, 'event', 'url'));
}

/** H6: as long as one is silent, the other is told as ever. */
export const oneReceiverDead: Fault = {
  row: 'H6',
  title: 'one of two receivers of webhooks is dead',
  weight: 3,
  async inject({ receiver }) {
    const since = receiver.lines.length;
    const now = () => receiver.lines.slice(since);
    receiver.answer((path) => (path === '/own' ? 'silent' : 'well'));
    const dead = await seenWithin(WORK_MS, () => now().some(({ manner }) => manner === 'silent'));
    const until = receiver.lines.length;
    await seenWithin(WORK_MS, () => receiver.lines.length - until >= MOST_HIT);
    const told = now().filter(({ manner }) => manner === 'well').length;
    receiver.answerWell();
    return effect(dead !== null && told > 0, `with the other dead, one receiver was told ${told} times`);
  },
};
