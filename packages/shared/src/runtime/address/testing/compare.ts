import fc from 'fast-check';
import { type Dispatcher, request } from 'undici';
import { checkDestination } from '../destination.ts';
import { openGuardedDispatcher } from '../guard.ts';
import { guardFailure } from '../guard-error.ts';
import { addressPolicy, type AddressPolicyOptions } from '../policy.ts';
import { checkUrl } from '../url.ts';
import { type Attempt, answersOf, attempts, POLICIES, PUBLIC_ANSWER, urlOf } from './attempts.ts';
import { type FarEnd, recordingConnector } from './recording-connector.ts';
import { type Outcome, secondOutcome } from './second-outcome.ts';

export interface Comparison {
  readonly runs: number;
  /** How many attempts were let through to a connection: both verdicts must have been seen. */
  readonly connected: number;
  /** The shrunk counterexample with both opinions, or `null` when the two never disagreed. */
  readonly disagreement: string | null;
}

export interface ComparisonOptions {
  /** The same seed gives the same attempts. */
  readonly seed: number;
  readonly runs: number;
  /** A network that only the guard lets through, to see that this is found. */
  readonly hole?: string;
}

/**
 * Tries `runs` generated attempts against the guard, through a name server and a connector that exist
 * in memory only, and compares what it would have connected to, sent and told with an independent
 * opinion. Nothing is ever dialled.
 */
export async function compareWithSecondOpinion({ seed, runs, hole }: ComparisonOptions): Promise<Comparison> {
  let connected = 0;
  const property = fc.asyncProperty(attempts, async (attempt) => {
    const seen = await guardOutcome(attempt, hole);
    if (seen.dialled !== null) connected += 1;
    const [found, expected] = [JSON.stringify(seen), JSON.stringify(secondOutcome(attempt))];
    if (found !== expected) throw new Error(`${seen.url}\n  guard:  ${found}\n  second: ${expected}`);
  });
  const result = await fc.check(property, { seed, numRuns: runs });
  const { errorInstance } = result as { errorInstance?: unknown };
  const why = errorInstance instanceof Error ? errorInstance.message : String(errorInstance);
  const disagreement = result.failed ? `${JSON.stringify(result.counterexample)}\n${why}` : null;
  return { runs: result.numRuns, connected, disagreement };
}

async function guardOutcome(attempt: Attempt, hole: string | undefined): Promise<Outcome> {
  const options: AddressPolicyOptions = POLICIES[attempt.policy];
  const policy = addressPolicy(hole === undefined ? options : { ...options, allow: [...(options.allow ?? []), hole] });
  const url = urlOf(attempt);
  const [atRegistration, atDelivery] = answersOf(attempt);
  const answering = (answer: readonly string[] | null) => async () => {
    if (answer === null) throw new Error('SERVFAIL');
    return answer;
  };
  const text = checkUrl(url, policy).ok;
  const registered = (await checkDestination(url, { policy, resolve: answering(atRegistration) })).ok;
  const written: Buffer[] = [];
  const { dials, connect } = recordingConnector(farEndOf(attempt, written));
  const guard = openGuardedDispatcher({ policy, resolve: answering(atDelivery), connect });
  // Whether or not the text was refused: the connection must be safe by itself. It never rejects.
  const failure = await deliver(url, guard.dispatcher);
  await guard.stop();
  const dial = dials[0];
  if (dial !== undefined && (dials.length > 1 || typeof dial.all === 'string' || dial.first[0] !== dial.all[0])) {
    throw new Error(`more than one connection, or the two shapes of a look-up differ: ${JSON.stringify(dials)}`);
  }
  return { url, text, registered, dialled: dial ? [...dial.all].sort() : null, sent: written.length > 0, failure };
}

async function deliver(url: string, dispatcher: Dispatcher): Promise<Outcome['failure']> {
  const parsed = URL.parse(url);
  if (parsed === null) return 'unreadable';
  try {
    const { body } = await request(parsed, { dispatcher });
    await body.dump();
    return 'none';
  } catch (error) {
    return guardFailure(error);
  }
}

function farEndOf({ route, address }: Attempt, written: Buffer[]): FarEnd {
  switch (route) {
    case 'farEnd':
      return { remoteAddress: address.text, written, answer: '' };
    case 'redirect': {
      const to = address.family === 6 ? `[${address.text}]` : address.text;
      const answer = `HTTP/1.1 302 Found\r\nLocation: http://${encodeURI(to)}/\r\nContent-Length: 0\r\n\r\n`;
      return { remoteAddress: PUBLIC_ANSWER, written, answer };
    }
    case 'literal':
    case 'answer':
    case 'mixed':
    case 'rebinding':
    case 'silent':
    case 'failing':
      return { refused: true };
  }
}
