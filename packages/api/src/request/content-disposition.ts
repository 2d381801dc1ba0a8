/**
 * `Content-Disposition` for a song (RFC 6266): plain ASCII for every client, and the full name for
 * those that read `filename*` (RFC 8187). Path separators and what file systems refuse become `_`,
 * and no name begins with a dot.
 */
export function songDisposition(name: string, format: string): string {
  const safe = `${name.replaceAll(/[\p{C}\p{Zl}\p{Zp}/\\:*?"<>|]/gu, '_').replace(/^[. ]+/, '_')}.${format}`;
  const ascii = safe.replaceAll(/[^\x20-\x7e]|%/g, '_');
  if (ascii === safe) return `inline; filename="${ascii}"`;
  return `inline; filename="${ascii}"; filename*=UTF-8''${encodeRfc8187(safe)}`;
}

function encodeRfc8187(text: string): string {
  const escape = (character: string) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
  return encodeURIComponent(text).replaceAll(/['()*!]/g, escape);
}
