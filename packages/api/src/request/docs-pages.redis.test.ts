import { requires } from '@songmill/shared/testing/requires';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ApiFixture, startFixture } from '../testing/api-fixture.ts';

describe('the documentation pages', requires('redis-server|valkey-server'), () => {
  let fixture: ApiFixture;
  beforeAll(async () => {
    fixture = await startFixture();
  });
  afterAll(async () => fixture?.stop());

  const read = async (path: string) => {
    const response = await fixture.call(path, { headers: { authorization: '' } });
    return { response, text: await response.text() };
  };

  it.each(['/docs', '/docs/errors'])('%s and all it needs come from this server', async (page) => {
    const { response, text } = await read(page);
    expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(response.headers.get('content-security-policy')).not.toMatch(/https?:|\*/);
    const needed = [...text.matchAll(/(?:src|href)="([^"]+)"/g)].map((match) => match[1] as string);
    for (const path of needed) {
      expect(path).toMatch(/^\/docs\//);
      const asset = await read(path);
      expect(asset.response.status, path).toBe(200);
      expect(asset.text.length).toBeGreaterThan(50);
    }
    if (page === '/docs') expect(needed.length).toBe(4);
  });

  it('the script reads our document and asks no validator', async () => {
    const { text } = await read('/docs/assets/start.js');
    expect(text).toContain("'/openapi.json'");
    expect(text).toContain('validatorUrl: null');
    const document = JSON.parse((await read('/openapi.json')).text) as { openapi: string };
    expect(document.openapi).toMatch(/^3\.1/);
  });

  it('every problem leads to a section of the errors page', async () => {
    const { text } = await read('/docs/errors');
    for (const code of ['validation_failed', 'queue_unavailable', 'uri_too_long'])
      expect(text).toContain(`id="${code}"`);
  });

  it.each(['package.json', 'swagger-ui.js', '..%2f..%2fpackage.json', 'toString'])('%s is not served', async (file) => {
    expect((await read(`/docs/assets/${file}`)).response.status).toBe(404);
  });
});
