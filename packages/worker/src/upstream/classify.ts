import type { UpstreamAnswer } from '@songmill/shared/contract/generation';
import type { OutcomeKind } from '@songmill/shared/contract/outcomes';
import { adviceFor, GATEWAY_CODES, kindOfStatus, MINIMAX_CODES, NO_CHANNEL } from './codes.ts';
import { type Answer, codeAt, textAt } from './envelope.ts';
import { retryAfterMs } from './retry-after.ts';

/** How the exchange of bytes ended, whatever they said. */
export type Ending =
  /** The whole answer came. */
  | 'complete'
  /** Known for sure: not one byte of the request was written. */
  | 'not_sent'
  /** The deadline passed, or the caller gave up, or the connection broke, after bytes were written. */
  | 'deadline'
  | 'given_up'
  | 'broken'
  /** We hung up because the answer was over its cap. */
  | 'too_large';

export interface Happened {
  readonly ending: Ending;
  /** What went wrong with the connection, in words; null when nothing did. */
  readonly trouble: string | null;
  /** Null when the answer never began. */
  readonly status: number | null;
  /** As the headers had it; several of them as a list. */
  readonly retryAfter: string | readonly string[] | null;
  readonly traceId: string | null;
  /** Null when the answer never began. */
  readonly answer: Answer | null;
  /** Whether this model ever gave a song here: it decides what -10008 means. */
  readonly modelHasWorked: boolean;
  readonly nowMs: number;
}

export interface Classified {
  /** `song` only promises whole hex digits, or links, under a success: whether they are a song is for `verifyAudio`. */
  readonly kind: OutcomeKind;
  /** Where the song is when the answer does not hold it, the best link first; else empty. */
  readonly links: readonly string[];
  readonly upstream: UpstreamAnswer;
  readonly retryAfterMs: number | null;
  /** What the upstream said and, where somebody can do something about it, what. */
  readonly message: string;
}

/** Maps what happened in one call to a row of "Outcome and charge". Pure. */
export function classify(happened: Happened): Classified {
  const { kind, message, code, said } = judge(happened);
  return {
    kind,
    links: kind === 'song' && happened.answer ? linksOf(happened.answer) : [],
    message: [message, adviceFor(kind, code)].filter((part) => part !== null).join('; '),
    retryAfterMs: retryAfterMs(happened.retryAfter, kind, happened.nowMs),
    upstream: {
      http_status: happened.status,
      code,
      message: said === null ? null : shortened(said, 500),
      trace_id: traceOf(happened),
    },
  };
}

interface Judgement {
  readonly kind: OutcomeKind;
  readonly message: string;
  readonly code: number | null;
  /** The upstream's own words. */
  readonly said: string | null;
}

function judge(happened: Happened): Judgement {
  const { status, answer } = happened;
  const plain = (kind: OutcomeKind, message: string): Judgement => ({ kind, message, code: null, said: null });
  if (happened.ending === 'not_sent') return plain('not_sent', `the upstream was not reached: ${happened.trouble}`);
  if (happened.ending === 'too_large') return plain('too_large', 'the answer was larger than allowed and was cut off');
  if (status === null || answer === null) return plain(withoutAnswer(happened.ending), brokenOff(happened));
  const stated = judgeEnvelope(happened, answer, status);
  if (stated) return stated;
  const byStatus = kindOfStatus(status);
  // A refusal is known from its status line; for anything else a broken connection leaves it open what came of it.
  if (happened.ending !== 'complete' && (byStatus === 'unreadable' || byStatus === 'unknown_failure')) {
    const kind = happened.ending === 'broken' ? byStatus : withoutAnswer(happened.ending);
    return plain(kind, brokenOff(happened));
  }
  if (byStatus === 'unreadable') return judgeSuccess(answer);
  const said =
    textAt(answer, 'error.message') ?? textAt(answer, 'error') ?? textAt(answer, 'message') ?? answer.excerpt;
  return {
    kind: byStatus,
    code: null,
    said: said || null,
    message: quoting(`the upstream answered HTTP ${status}`, said),
  };
}

/** What an envelope states, read before the HTTP status because MiniMax refuses with 200. Null when none does. */
function judgeEnvelope(happened: Happened, answer: Answer, status: number): Judgement | null {
  if (!answer.readable) return null;
  const ofMinimax = codeAt(answer, 'base_resp.status_code');
  if (ofMinimax !== null && ofMinimax !== 0) {
    const kind = ofMinimax === 'odd' ? 'unknown_failure' : (MINIMAX_CODES[ofMinimax] ?? unlisted(status));
    return stating(kind, ofMinimax, textAt(answer, 'base_resp.status_msg'));
  }
  const said = textAt(answer, 'error.message') ?? textAt(answer, 'error');
  const ofGateway = codeAt(answer, 'error.err_code');
  if (ofGateway === NO_CHANNEL) return stating(happened.modelHasWorked ? 'stated_failure' : 'model', ofGateway, said);
  if (ofGateway !== null && ofGateway !== 0) {
    const kind = ofGateway === 'odd' ? unlisted(status) : (GATEWAY_CODES[ofGateway] ?? unlisted(status));
    return stating(kind, ofGateway, said);
  }
  return status >= 400 ? judgeQuoted(said) : null;
}

/** Some routes state MiniMax's code only in the text: `usage limit exceeded (2056)`. */
function judgeQuoted(said: string | null): Judgement | null {
  const code = Number(/\((\d{4,5})\)/.exec(said ?? '')?.[1] ?? Number.NaN);
  const kind = MINIMAX_CODES[code];
  return kind === undefined ? null : stating(kind, code, said);
}

/** A code that nobody documents: a 4xx beside it still refuses, anything else may have been billed. */
function unlisted(status: number): OutcomeKind {
  const byStatus = kindOfStatus(status);
  return byStatus === 'unreadable' ? 'unknown_failure' : byStatus;
}

function stating(kind: OutcomeKind, code: number | 'odd', said: string | null): Judgement {
  const number = code === 'odd' ? null : code;
  return {
    kind,
    code: number,
    said,
    message: quoting(`the upstream answered ${number ?? 'a code that is none'}`, said),
  };
}

/** A 2xx whose envelope states no failure: a song, unless the answer or its audio is none. */
function judgeSuccess(answer: Answer): Judgement {
  const code = codeAt(answer, 'base_resp.status_code') === 0 ? 0 : null;
  const said = code === 0 ? textAt(answer, 'base_resp.status_msg') : null;
  const such = (kind: OutcomeKind, message: string): Judgement => ({ kind, message, code, said });
  if (!answer.readable) {
    return such('unreadable', quoting(`the answer could not be read (${answer.fault})`, answer.excerpt));
  }
  const state = codeAt(answer, 'data.status');
  // 1 means "still being made"; with nothing to ask later, such an answer is none.
  if (state !== null && state !== 2) return such('unreadable', 'the answer does not say that the song is finished');
  if (answer.audio === 'hex') return such('song', 'a song came');
  if (linksOf(answer).length > 0) return such('song', 'a link to a song came');
  if (answer.audio === 'absent' && code === null && state === null) {
    return such('unreadable', quoting('the answer says neither success nor failure', answer.excerpt));
  }
  return such('unusable_audio', UNUSABLE[answer.audio]);
}

const UNUSABLE = {
  absent: 'the answer says success but holds no audio',
  empty: 'the answer says success but its audio is empty',
  odd_digits: 'the audio ends within a byte: an odd number of hex digits',
  bad_digit: 'the audio is not written in hex digits',
  url: 'the answer holds a link instead of the audio, and one that is too long to be one',
} as const;

/**
 * The links of an answer without the audio itself: the upstream's own, then the copy that 302.AI
 * hosts. Links expire within a day, so they are followed at once and kept nowhere.
 */
function linksOf(answer: Answer): string[] {
  if (answer.audio === 'hex') return [];
  const links = [textAt(answer, 'data.audio'), textAt(answer, 'data.audio_url')];
  return [...new Set(links)].filter((link) => link !== null && /^https?:/i.test(link)) as string[];
}

function withoutAnswer(ending: Ending): OutcomeKind {
  return ending === 'deadline' ? 'timeout' : 'unknown_failure';
}

function brokenOff(happened: Happened): string {
  if (happened.ending === 'deadline') return 'no whole answer came before the deadline';
  if (happened.ending === 'given_up') return 'the call was given up after its request was sent';
  return `the connection broke after the request was sent: ${happened.trouble}`;
}

function quoting(what: string, said: string | null): string {
  return said ? `${what}: ${shortened(said, 500)}` : what;
}

function traceOf(happened: Happened): string | null {
  const trace = (happened.answer && textAt(happened.answer, 'trace_id')) ?? happened.traceId;
  return trace !== null && /^[\x21-\x7e]{1,128}$/.test(trace) ? trace : null;
}

/** On one line, without control characters, and no longer than people read. */
function shortened(text: string, most: number): string {
  const plain = text.replaceAll(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ').trim();
  return [...plain.slice(0, 2 * most)].slice(0, most).join('').toWellFormed();
}
