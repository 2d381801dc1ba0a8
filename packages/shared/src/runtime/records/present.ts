import { costOf } from '../../contract/cost.ts';
import type { Generation } from '../../contract/generation.ts';
import type { GenerationRecord } from './types.ts';

/** RFC 3339 in UTC with milliseconds and `Z`. */
export function rfc3339(ms: number): string {
  return new Date(ms).toISOString();
}

const DAY_MS = 86_400_000;

/**
 * When the audio of a song goes, in Unix milliseconds; null = never, not known yet, or there is none.
 * @param days RESULT_TTL_DAYS
 */
export function audioExpiresMs({ status, keptFromMs }: GenerationRecord, days: number): number | null {
  return status === 'succeeded' && keptFromMs !== null && days > 0 ? keptFromMs + days * DAY_MS : null;
}

/**
 * A record as answers show it. Pure: the same record gives the same answer.
 *
 * @param publicUrl put before every path when set
 * @param resultTtlDays RESULT_TTL_DAYS; 0 = never
 * @param queue why and where it waits; null once it does not
 */
export function presentGeneration(
  record: GenerationRecord,
  { publicUrl, resultTtlDays, queue }: { publicUrl: string | null; resultTtlDays: number; queue: Generation['queue'] },
): Generation {
  const { request, song } = record;
  const self = `${publicUrl?.replace(/\/$/, '') ?? ''}/v1/generations/${record.id}`;
  return {
    id: record.id,
    object: 'generation',
    project: record.project,
    status: record.status,
    sequence: record.sequence,
    run: record.run,
    created_at: rfc3339(record.createdMs),
    started_at: timeOrNull(record.startedMs),
    finished_at: timeOrNull(record.finishedMs),
    expires_at: timeOrNull(audioExpiresMs(record, resultTtlDays)),
    request: {
      model: request.model,
      lyrics: request.lyrics,
      prompt: request.prompt || null,
      refer_voice: request.refer_voice || null,
      refer_instrumental: request.refer_instrumental || null,
      voice_reference: request.voice_reference ?? null,
      instrumental_reference: request.instrumental_reference ?? null,
      audio_setting: request.audio_setting,
      on_unknown_charge: request.on_unknown_charge,
    },
    custom_id: request.custom_id,
    batch_id: record.batchId,
    batch_index: record.batchIndex,
    metadata: request.metadata,
    priority: record.priority,
    run_at: request.run_at ?? null,
    start_by: request.start_by ?? null,
    webhook: request.webhook ?? null,
    queue,
    attempts: [...record.attempts],
    attempts_total: record.attemptsTotal,
    result:
      song && record.status === 'succeeded'
        ? {
            audio_url: `${self}/audio`,
            kind: song.kind,
            format: song.format,
            bytes: song.bytes,
            duration_ms: song.duration_ms,
            sha256: song.sha256,
            trace_id: song.trace_id,
          }
        : null,
    cost: costOf(request.price ?? null, record.attempts),
    error: record.error,
    links: { self, cancel: `${self}/cancel`, audio: `${self}/audio`, events: `${self}/events` },
  };
}

function timeOrNull(ms: number | null): string | null {
  return ms === null ? null : rfc3339(ms);
}
