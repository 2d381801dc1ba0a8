import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** The full path of the first of these programs that is on PATH, or undefined. */
export function findProgram(...names: readonly string[]): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  for (const name of names) {
    for (const folder of folders) {
      const path = join(folder, name);
      try {
        accessSync(path, constants.X_OK);
        return path;
      } catch {
        // Not here; the next folder may have it.
      }
    }
  }
  return undefined;
}

/**
 * Command and arguments that run a program so that the kernel kills it when this process dies, even
 * by SIGKILL (`setpriv --pdeathsig`, util-linux). Without setpriv it is the program itself.
 * `setpriv` replaces itself by the program, so the pid is the program's.
 */
export function tiedToUs(program: string, args: readonly string[]): { command: string; args: string[] } {
  const setpriv = process.platform === 'linux' ? findProgram('setpriv') : undefined;
  if (setpriv === undefined) return { command: program, args: [...args] };
  return { command: setpriv, args: ['--pdeathsig', 'KILL', '--', program, ...args] };
}
