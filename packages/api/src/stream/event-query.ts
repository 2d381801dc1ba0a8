import { EVENT_TYPES, type EventType } from '@songmill/shared/contract/event';
import type { LogEntry } from '@songmill/shared/runtime/records/event-log';
import { z } from 'zod';
import type { Call, Faults } from '../context.ts';
import { afterSchema, limitSchema } from '../request/list-query.ts';

const types = z
  .string()
  .transform((text) => [...new Set(text.split(','))])
  .pipe(z.array(z.enum(EVENT_TYPES, { error: 'one type or several, comma-separated, such as generation.succeeded' })))
  .optional()
  .meta({ description: 'one type or several, comma-separated; all unless given' });
const project = z
  .string()
  .regex(/^[A-Za-z0-9_-]{1,64}$/, 'the name of a project')
  .optional()
  .meta({ description: 'for keys with `operate`, which otherwise see every project' });

/** Of the list, and of the stream, which goes on from `Last-Event-ID` instead. */
export const eventListQuerySchema = z.strictObject({ types, project, limit: limitSchema, after: afterSchema });
export const eventStreamQuerySchema = z.strictObject({ types, project });

/** Which events somebody asks for. */
export interface EventFilters {
  /** Null = of all projects, and what concerns none. */
  readonly project: string | null;
  readonly types: readonly EventType[] | null;
}

/** The filters of a caller, who sees its own project unless it may operate. */
export function filtersOf(
  { principal }: Call,
  query: { readonly types?: EventType[] | undefined; readonly project?: string | undefined } | null,
  faults: Faults,
): EventFilters {
  const everywhere = principal.scopes.has('operate');
  if (query?.project !== undefined && !everywhere) {
    const message = 'only keys with the scope operate may name a project';
    faults.push({ parameter: 'project', code: 'unknown_parameter', message });
  }
  return {
    project: everywhere ? (query?.project ?? null) : principal.project,
    types: query?.types?.toSorted() ?? null,
  };
}

export function passes({ project: of, types: among }: EventFilters, entry: LogEntry): boolean {
  if (of !== null && entry.project !== of) return false;
  return among === null || among.some((type) => type === entry.type);
}
