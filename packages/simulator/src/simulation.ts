import type { Accounts } from './accounts.ts';
import type { SongOrder } from './audio/song.ts';
import type { SimulatorConfig } from './config.ts';
import type { FaultBook } from './faults/book.ts';
import type { Random } from './latency.ts';
import type { Ledger } from './ledger/ledger.ts';
import type { OpenCalls } from './open-calls.ts';
import type { ReceivedHooks } from './receiver/received-hooks.ts';
import type { RecentRequests } from './recent-requests.ts';
import type { References } from './references.ts';

/** Everything the routes share; one per simulator. */
export interface Simulation {
  config: SimulatorConfig;
  readonly startConfig: SimulatorConfig;
  readonly accounts: Accounts;
  readonly faults: FaultBook;
  readonly references: References;
  readonly requests: RecentRequests;
  readonly ledger: Ledger;
  readonly calls: OpenCalls;
  /** Webhooks it was sent: a receiver beside the upstream, for those who have none yet. */
  readonly hooks: ReceivedHooks;
  readonly random: Random;
  /** Songs that answers named by URL; they are composed again when fetched. */
  readonly files: Map<string, SongOrder>;
  /** Told of what must not happen, such as a ledger that cannot be written. */
  readonly onFault: (error: unknown) => void;
}
