import type { IncomingMessage, ServerResponse } from 'node:http';
import type { InputFault } from '@songmill/shared/contract/problem';
import type { Scope } from '@songmill/shared/contract/words';
import type { CheckedStorage } from '@songmill/shared/runtime/foundations/foundations';
import type { Logger } from '@songmill/shared/runtime/logger';
import type { RecordStore } from '@songmill/shared/runtime/records/store';
import type { Settings } from '@songmill/shared/runtime/settings';
import type { Readable } from 'node:stream';
import type { Readiness } from './operate/readiness.ts';
import type { EventHub } from './queue/event-hub.ts';
import type { PointerAdder } from './queue/pointer-adder.ts';
import type { Authenticator } from './request/auth.ts';

/** What the API needs of the storage: to keep the files of references, to read songs, to forget both, and to know that it works. */
export interface SongStorage extends CheckedStorage {
  /** Bytes `start` to `end`, both included; null when there is no such song. */
  open(key: string, range?: { start: number; end: number }): Promise<{ stream: Readable; bytes: number } | null>;
  store(key: string, sourcePath: string, options?: { readonly withName?: boolean }): Promise<void>;
  remove(id: string): Promise<void>;
}

/** What handlers are given; made once by `startApi`. */
export interface ApiContext {
  readonly settings: Settings;
  readonly logger: Logger;
  readonly store: RecordStore;
  readonly storage: SongStorage;
  readonly pointers: PointerAdder;
  /** The same for the queue of references. */
  readonly uploads: PointerAdder;
  /** And for the queue of batches. */
  readonly ingests: PointerAdder;
  readonly hub: EventHub;
  readonly auth: Authenticator;
  readonly readiness: Readiness;
}

/** Who asks. */
export interface Principal {
  /** Id of the key; `bootstrap` for API_KEY, `none` on routes that take no key. */
  readonly keyId: string;
  readonly project: string;
  readonly scopes: ReadonlySet<Scope>;
}

/** One request on its way to its answer. */
export interface Call {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly requestId: string;
  /** Path without the query, as sent. */
  readonly path: string;
  /** Text after `?`, undecoded. */
  readonly rawQuery: string;
  readonly params: Readonly<Record<string, string>>;
  readonly principal: Principal;
  /** Path pattern, e.g. `/v1/generations/{id}`; what idempotency keys and logs go by. */
  readonly pattern: string;
}

export type Handler = (ctx: ApiContext, call: Call) => Promise<void> | void;

/** Faults found so far; every one is told in one answer. */
export type Faults = InputFault[];
