/** The longest a request is held open; callers that want more ask again. */
export const MOST_WAIT_SECONDS = 60;

/**
 * Seconds that `Prefer: wait=N` (RFC 7240) asks to wait, cut to 60; null when it asks for nothing.
 * A preference that cannot be read is ignored, as the RFC demands; the first of several counts.
 */
export function waitSeconds(header: string | string[] | undefined): number | null {
  const text = Array.isArray(header) ? header.join(',') : (header ?? '');
  for (const preference of text.split(',')) {
    const wait = /^\s*wait\s*=\s*"?(\d{1,15})"?\s*(;|$)/i.exec(preference);
    if (wait) return Math.min(Number(wait[1]), MOST_WAIT_SECONDS);
  }
  return null;
}

/** Tells the caller what was honoured. */
export function preferenceApplied(seconds: number | null): Record<string, string> {
  return seconds === null ? {} : { 'Preference-Applied': `wait=${seconds}` };
}
