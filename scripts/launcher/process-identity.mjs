import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/**
 * A process named so that a reused pid is never mistaken for it.
 * @typedef {{ pid: number, start: string }} Identity
 */

/**
 * When a process began, as text that is only compared; null when it does not run. A zombie does not run: where
 * nobody reaps orphans (many containers) it would otherwise look alive for ever.
 *
 * @param {number} pid
 * @returns {string | null}
 */
export function startOf(pid) {
  if (process.platform === 'linux') {
    const stat = linuxStat(pid);
    return stat === null || stat.state === 'Z' || stat.state === 'X' ? null : stat.start;
  }
  try {
    const line = execFileSync('ps', ['-o', 'stat=,lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim();
    return line === '' || line.startsWith('Z') ? null : line.replace(/^\S+\s+/, '');
  } catch {
    return null; // ps exits 1 when there is no such process.
  }
}

/** @param {number} pid @returns {Identity} */
export function identify(pid) {
  return { pid, start: startOf(pid) ?? '' };
}

/** @param {Identity} identity */
export function runs(identity) {
  return identity.start !== '' && startOf(identity.pid) === identity.start;
}

/**
 * The processes between this one and the npm that started it, npm last: npm passes no SIGTERM to what its shell
 * runs, and its death alone is what tells us. Empty when no npm is above us, so that a shell may exit and leave the
 * launcher running.
 *
 * @returns {Identity[]}
 */
export function ancestorsUpToNpm() {
  const chain = [];
  let pid = process.ppid;
  for (let depth = 0; depth < 5 && pid > 1; depth++) {
    const parent = describe(pid);
    if (parent === null) return [];
    chain.push(identify(pid));
    if (/(^|[/\\ ])(npm|pnpm|yarn)([ .]|$)|npm-cli|pnpm\.c?js/.test(parent.command)) return chain;
    pid = parent.ppid;
  }
  return [];
}

/** @param {number} pid @returns {{ ppid: number, command: string } | null} */
function describe(pid) {
  try {
    if (process.platform === 'linux') {
      const stat = linuxStat(pid);
      if (stat === null) return null;
      return { ppid: stat.ppid, command: readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim() };
    }
    const line = execFileSync('ps', ['-o', 'ppid=,command=', '-p', String(pid)], { encoding: 'utf8' }).trim();
    const [, ppid, command] = /^(\d+)\s+(.*)$/.exec(line) ?? [];
    return ppid === undefined ? null : { ppid: Number(ppid), command: command ?? '' };
  } catch {
    return null;
  }
}

/** Fields 3, 4 and 22 of proc(5) stat; the name in field 2 may hold spaces and brackets. */
function linuxStat(pid) {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return { state: fields[0], ppid: Number(fields[1]), start: fields[19] };
  } catch {
    return null;
  }
}
