import type { ModelRecord } from './record-model-line.ts';

interface Probe {
  readonly token: string;
  readonly worker: string;
  /** It did not come back in time. */
  expired: boolean;
}

export interface ModelHold {
  readonly step: number;
  due: boolean;
  probe: Probe | null;
  trippedBy: string | null;
}

export interface ModelBreaker {
  failures: number;
  /** The step at which it opened; null while it is closed. */
  since: number | null;
  due: boolean;
  probe: Probe | null;
}

export const CLOSED: Readonly<ModelBreaker> = { failures: 0, since: null, due: false, probe: null };
export const TRIP_AFTER = 5;
export const NOT_REACHED = ['not_sent', 'unknown_failure', 'timeout'];

export const PROVES = [
  'invalid_request',
  'content_rejected',
  'output_rejected',
  'stated_failure',
  'too_large',
  'unusable_audio',
];

/** An unknown charge would be the second one of its run, or end it. */
export function exposed({ unknown, policy }: ModelRecord): boolean {
  return unknown > 0 || policy !== 'retry';
}

/** Its worker lives and may still bring it back. */
export function isOpen(probe: Probe | null, alive: ReadonlySet<string>): boolean {
  return probe !== null && !probe.expired && alive.has(probe.worker);
}
