/**
 * Everything that tests start and must end: servers, processes, temporary folders. What is still
 * here after a test file is a leak; the set-up file of the test projects ends it and fails the file.
 */
const started = new Map<object, { readonly name: string; readonly endNow: () => void }>();

/**
 * Registers something that must be ended. `endNow` is called when the test file or this process ends
 * first; it must be synchronous, because it also runs in the process's `exit` event.
 * @returns the function to call once it was ended properly
 */
export function mustBeEnded(name: string, endNow: () => void): () => void {
  if (started.size === 0) process.on('exit', endLeftovers);
  const key = {};
  started.set(key, { name, endNow });
  return () => {
    started.delete(key);
    if (started.size === 0) process.off('exit', endLeftovers);
  };
}

/** Ends everything that is still registered, at once, and answers the names. */
export function endLeftovers(): string[] {
  const names: string[] = [];
  for (const [key, { name, endNow }] of started) {
    started.delete(key);
    names.push(name);
    endNow();
  }
  process.off('exit', endLeftovers);
  return names;
}
