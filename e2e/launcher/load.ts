/** A module of the launcher. It is plain JavaScript without declarations, so what it exports is not checked. */
// oxlint-disable-next-line typescript/no-explicit-any -- there is nothing to check against
export async function load(name: string): Promise<Record<string, any>> {
  return await import(new URL(`../../scripts/launcher/${name}`, import.meta.url).href);
}
