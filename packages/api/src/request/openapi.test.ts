import { readFileSync } from 'node:fs';
import { createConfig, lintFromString } from '@redocly/openapi-core';
import { describe, expect, it } from 'vitest';
import { ROUTES } from '../routes.ts';
import { errorsMarkdown, problemCodes } from './errors-page.ts';
import { openapiDocument } from './openapi.ts';

const docs = new URL('../../../../docs/', import.meta.url);
const committed = readFileSync(new URL('openapi.json', docs), 'utf8');

interface Operation {
  readonly operationId: string;
  readonly security?: unknown[];
  readonly responses: Record<string, unknown>;
}
const document = JSON.parse(JSON.stringify(openapiDocument(ROUTES))) as {
  paths: Record<string, Record<string, Operation>>;
};

describe('openapi.json', () => {
  it('is what the routes and schemas say; write-docs.ts makes it anew', () => {
    expect(JSON.parse(committed)).toEqual(document);
  });

  it('has every route of the table and nothing else', () => {
    const told = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    expect(told.sort()).toEqual(ROUTES.map((route) => `${route.method} ${route.path}`).sort());
  });

  it('names every operation once and demands a key exactly where the table does', () => {
    expect(new Set(ROUTES.map((route) => route.name)).size).toBe(ROUTES.length);
    for (const route of ROUTES) {
      const operation = document.paths[route.path]?.[route.method.toLowerCase()];
      expect(operation?.security, route.name).toEqual(route.scope === null ? [] : undefined);
      expect(route.path.startsWith('/v1/'), route.name).toBe(route.scope !== null);
      expect(Object.keys(operation?.responses ?? {})).toEqual(expect.arrayContaining(Object.keys(route.answers)));
    }
  });

  it('has no fault a linter of the standard finds', async () => {
    const config = await createConfig({
      extends: ['recommended'],
      rules: {
        // The server is wherever it was installed.
        'no-server-example.com': 'off',
        'no-empty-servers': 'off',
        // Health checks and pages have no answer of the 4xx class.
        'operation-4xx-response': 'off',
        // `/v1/generations/{id}` and a literal beside it cannot be confused: ids have a prefix.
        'no-ambiguous-paths': 'off',
      },
    });
    const problems = await lintFromString({ source: committed, absoluteRef: 'openapi.json', config });
    expect(problems.map((problem) => `${problem.ruleId}: ${problem.message}`)).toEqual([]);
  });
});

describe('errors.md', () => {
  it('is what the texts say; write-docs.ts makes it anew', () => {
    expect(readFileSync(new URL('errors.md', docs), 'utf8')).toBe(errorsMarkdown());
    expect(new Set(problemCodes()).size).toBe(problemCodes().length);
  });
});
