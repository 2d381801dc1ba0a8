import type { UpstreamAnswer } from '@songmill/shared/contract/generation';
import type { AcceptedRequest } from '@songmill/shared/contract/generation-rules';
import type { AudioFormat } from '@songmill/shared/contract/models';
import type { OutcomeKind } from '@songmill/shared/contract/outcomes';

export interface UpstreamCall {
  readonly request: AcceptedRequest;
  /** Where the song is written, in a folder that exists; nothing may be there yet. */
  readonly spoolPath: string;
  /** Gives the call up: free before its first byte was sent, unknown afterwards. */
  readonly signal?: AbortSignal;
  /** Whether the model ever gave a song; without it, whether it did in this process. */
  readonly modelHasWorked?: boolean;
}

/** A verified song at `path`, written but not yet synced to the disk: storing it does that. */
export interface UpstreamAudio {
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly format: AudioFormat;
  readonly durationMs: number;
}

interface Said {
  readonly upstream: UpstreamAnswer;
  /** How long the upstream asked to wait, within sensible limits. */
  readonly retryAfterMs: number | null;
  /** One sentence for people; holds neither key nor lyrics of ours. */
  readonly message: string;
}

/** How one call ended: a row of `OUTCOME_TABLE`. Only a song leaves a file behind. */
export type UpstreamResult =
  | (Said & { readonly kind: 'song'; readonly audio: UpstreamAudio })
  | (Said & { readonly kind: Exclude<OutcomeKind, 'song'> });
