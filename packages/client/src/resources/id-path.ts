/** Puts an id into a path. An id that would name another route is refused when the call is sent. */
export function idPath(base: string, id: string): string {
  return `${base}/${encodeURIComponent(id)}`;
}
