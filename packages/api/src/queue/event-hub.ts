import { isSettled } from '@songmill/shared/contract/words';
import type { Part } from '@songmill/shared/runtime/lifecycle';
import type { Logger } from '@songmill/shared/runtime/logger';
import type { Presentation } from '@songmill/shared/runtime/records/event-body';
import type { LogEntry } from '@songmill/shared/runtime/records/event-log';
import { type EventSubject, readSubjects } from '@songmill/shared/runtime/records/event-subjects';
import type { RecordStore } from '@songmill/shared/runtime/records/store';
import { subjectsOf, type ToldEntry, toldOf } from '../stream/read-told.ts';
import { startLogReader } from './log-reader.ts';

/**
 * What a waiting request is told: its generation settled; look again, since events may have been
 * missed; or the process stops.
 */
export type HubSignal = 'settled' | 'look' | 'stop';

/** Follows one generation. */
export interface SubjectFollower {
  /** The record, whenever it may have news; null = it is gone. */
  tell(subject: EventSubject | null): void;
  stop(): void;
}

/** Follows the shared stream. */
export interface LogFollower {
  wants(entry: LogEntry): boolean;
  /** @param reached the stream has been read up to here; entries of it that nobody wants are left out */
  tell(entries: readonly ToldEntry[], reached: string): void;
  /** Reading begins here, for the first time or again. `lost`: Redis has forgotten what was told before. */
  begun(position: string, lost: boolean): void;
  stop(): void;
}

/**
 * What happens, told to everybody in this process who listens, by one blocking reader. A record is
 * read once per page of events, however many follow it; while nobody listens nothing is read.
 */
export interface EventHub extends Part {
  /** Calls `listener` on what concerns this generation. Answers how to stop that. */
  listen(id: string, listener: (signal: HubSignal) => void): () => void;
  follow(id: string, follower: SubjectFollower): () => void;
  followLog(follower: LogFollower): () => void;
  /** How many listen or follow now. */
  readonly size: number;
}

export interface EventHubOptions {
  /** Keys, and a connection of its own. */
  readonly store: RecordStore;
  readonly presentation: Presentation;
  readonly logger: Logger;
}

const LOOK_PAGE = 500;

export function startEventHub({ store, presentation, logger }: EventHubOptions): EventHub {
  const waits = createRegistry<(signal: HubSignal) => void>();
  const subjects = createRegistry<SubjectFollower>();
  const logs = new Set<LogFollower>();
  let stopped = false;
  const size = () => waits.size() + subjects.size() + logs.size;
  const { redis, keys } = store;
  const reader = startLogReader({ redis, stream: keys.events, logger, wanted: () => size() > 0, onStart, onEntries });

  async function onStart(position: string, lost: boolean): Promise<void> {
    waits.each((listener) => listener('look'));
    for (const follower of [...logs]) follower.begun(position, lost);
    const ids = subjects.ids();
    for (let at = 0; at < ids.length; at += LOOK_PAGE) await tellSubjects(ids.slice(at, at + LOOK_PAGE));
  }

  async function tellSubjects(ids: readonly string[]): Promise<void> {
    const found = await readSubjects(store, ids, presentation);
    for (const id of ids) for (const follower of subjects.of(id)) follower.tell(found.get(id) ?? null);
  }

  async function onEntries(entries: readonly LogEntry[]): Promise<void> {
    for (const { subject, fields } of entries) {
      if (subject === null || !isSettled(fields['status'] ?? '')) continue;
      for (const listener of waits.of(subject)) listener('settled');
    }
    const listeners = [...logs];
    const wanted = entries.filter((entry) => listeners.some((follower) => follower.wants(entry)));
    const followed = entries.filter(({ subject }) => subject !== null && subjects.of(subject).length > 0);
    const found = await readSubjects(store, subjectsOf([...wanted, ...followed]), presentation);
    for (const id of subjectsOf(followed)) {
      for (const follower of subjects.of(id)) follower.tell(found.get(id) ?? null);
    }
    const told = toldOf(wanted, found);
    const reached = entries.at(-1)!.position;
    for (const follower of listeners) follower.tell(told, reached);
  }

  /** Whoever comes while nothing is read starts the reading. */
  function joined(leave: () => void, stop: () => void): () => void {
    reader.wake();
    if (stopped) stop();
    return leave;
  }

  return {
    listen: (id, listener) => joined(waits.add(id, listener), () => listener('stop')),
    follow: (id, follower) => joined(subjects.add(id, follower), () => follower.stop()),
    followLog(follower) {
      logs.add(follower);
      return joined(
        () => void logs.delete(follower),
        () => follower.stop(),
      );
    },
    get size() {
      return size();
    },
    async stop() {
      stopped = true;
      waits.each((listener) => listener('stop'));
      subjects.each((follower) => follower.stop());
      for (const follower of [...logs]) follower.stop();
      await reader.stop();
    },
  };
}

/** Listeners by the id that they listen to. */
function createRegistry<Listener>() {
  const byId = new Map<string, Set<Listener>>();
  return {
    add(id: string, listener: Listener): () => void {
      const set = byId.get(id) ?? new Set();
      byId.set(id, set.add(listener));
      return () => {
        set.delete(listener);
        if (set.size === 0 && byId.get(id) === set) byId.delete(id);
      };
    },
    /** A copy: whoever is told may leave. */
    of: (id: string): Listener[] => [...(byId.get(id) ?? [])],
    ids: (): string[] => [...byId.keys()],
    each(tell: (listener: Listener) => void): void {
      for (const set of [...byId.values()]) for (const listener of [...set]) tell(listener);
    },
    size(): number {
      let count = 0;
      for (const set of byId.values()) count += set.size;
      return count;
    },
  };
}
