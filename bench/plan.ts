/** How much is measured. Full rounds are for numbers, quick ones only show that everything works. */
export interface Plan {
  /** Measured rounds of each side; the sides take turns. */
  readonly rounds: number;
  /** Requests and their connections to accept generations with. */
  readonly connections: number;
  /** Length of one round of accepting. */
  readonly acceptSeconds: number;
  /** Unmeasured accepting before the first round, so that both sides run compiled code. */
  readonly warmUpSeconds: number;
  /** Generations of one round of finishing. */
  readonly finishCount: number;
  /** Generations whose bytes in Redis are weighed. */
  readonly weighCount: number;
  /** Answers of 4 MB that come at once. */
  readonly answerCount: number;
  /** Calls that one worker has open at once. */
  readonly callCount: number;
  /** Songs of one round, one after another, whose way to the upstream or to the receiver of their webhook is timed. */
  readonly firstByteCount: number;
  /** Streams of events that one process feeds, and events of one round. */
  readonly listenerCount: number;
  readonly eventCount: number;
  /** Webhooks of one round to one receiver. */
  readonly deliveryCount: number;
  /** Runs with and without a dead endpoint, and events of each. */
  readonly deadRounds: number;
  readonly deadEvents: number;
  /** Songs whose start is foretold. */
  readonly estimateCount: number;
  /** Folder that gets CPU profiles of our API and worker, for people who look for what is slow. */
  readonly profile: string | null;
}

export const FULL: Plan = {
  rounds: 3,
  connections: 50,
  acceptSeconds: 5,
  warmUpSeconds: 3,
  finishCount: 3000,
  weighCount: 5000,
  answerCount: 200,
  callCount: 1000,
  firstByteCount: 100,
  listenerCount: 1000,
  eventCount: 100,
  deliveryCount: 5000,
  deadRounds: 5,
  deadEvents: 12,
  estimateCount: 300,
  profile: null,
};

export const QUICK: Plan = {
  rounds: 1,
  connections: 10,
  acceptSeconds: 1,
  warmUpSeconds: 0,
  finishCount: 60,
  weighCount: 60,
  answerCount: 5,
  callCount: 50,
  firstByteCount: 5,
  listenerCount: 20,
  eventCount: 3,
  deliveryCount: 100,
  deadRounds: 1,
  deadEvents: 2,
  estimateCount: 12,
  profile: null,
};
