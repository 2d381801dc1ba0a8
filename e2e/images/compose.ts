import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '@songmill/shared/testing/processes';
import { parse } from 'yaml';
import { environmentOf, readStages } from './dockerfile.ts';

export const COMPOSE_FILE = join(ROOT, 'docker-compose.yml');

/** One service, as far as our file uses the format. */
export interface Service {
  readonly image: string;
  readonly command: readonly string[];
  readonly user?: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly env_file?: readonly { path: string; required: boolean }[];
  readonly profiles?: readonly string[];
  readonly ports?: readonly string[];
  readonly volumes: readonly string[];
  readonly depends_on?: Readonly<Record<string, { condition: string; required?: boolean }>>;
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly init?: boolean;
  readonly read_only: boolean;
  readonly tmpfs: readonly string[];
  readonly cap_drop: readonly string[];
  readonly security_opt: readonly string[];
  readonly stop_grace_period: string;
}

export interface Compose {
  readonly services: Readonly<Record<string, Service>>;
  readonly volumes: Readonly<Record<string, unknown>>;
}

export function readCompose(): Compose {
  return parse(readFileSync(COMPOSE_FILE, 'utf8'), { merge: true }) as Compose;
}

type Variables = Readonly<Record<string, string | undefined>>;

/**
 * Replaces `${NAME}`, `${NAME:-default}` and `${NAME:?message}` as Compose does.
 * @throws Error with the message when a demanded variable is unset or empty
 */
export function interpolate(text: string, variables: Variables): string {
  return text.replaceAll(/\$\{(\w+)(?::([-?])([^}]*))?\}/g, (_all, name: string, mark?: string, word = '') => {
    const value = variables[name] || undefined;
    if (value === undefined && mark === '?') throw new Error(`${name}: ${word}`);
    return value ?? word;
  });
}

/**
 * What a container of one of our processes has in its environment: what the image sets, then the env_file, then
 * `environment`.
 *
 * @param variables what Compose itself was given: its shell and `.env`, or `--env-file`
 * @param envFiles contents of the files that `env_file` may name
 */
export function containerEnvironment(
  service: Service,
  variables: Variables,
  envFiles: Readonly<Record<string, Variables>>,
): Record<string, string> {
  const files = (service.env_file ?? []).map(({ path }) => envFiles[interpolate(path, variables)] ?? {});
  const own = Object.entries(service.environment ?? {}).map(([name, text]) => [name, interpolate(text, variables)]);
  const image = environmentOf(readStages().at(-1)!);
  return Object.assign({}, image, ...files, Object.fromEntries(own)) as Record<string, string>;
}

/** Where a container's path lives: the name of the volume, or undefined when it dies with the container. */
export function volumeOf(service: Service, path: string): string | undefined {
  return service.volumes
    .map((each) => each.split(':') as [string, string])
    .filter(([, mounted]) => path === mounted || path.startsWith(`${mounted}/`))
    .toSorted(([, a], [, b]) => b.length - a.length)[0]?.[0];
}

/** `1m`, `345s`, `1m30s` in milliseconds. */
export function durationMs(text: string): number {
  const parts = [...text.matchAll(/(\d+)(ms|s|m|h)/g)];
  if (parts.map(([all]) => all).join('') !== text) throw new Error(`not a duration: ${text}`);
  const unit = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
  return parts.reduce((sum, [, number, name]) => sum + Number(number) * unit[name as keyof typeof unit], 0);
}
