import { requires } from '@songmill/shared/testing/requires';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ASK, type ApiFixture, generationOf, startFixture } from '../testing/api-fixture.ts';

describe('POST /v1/generations', requires('redis-server|valkey-server'), () => {
  let fixture: ApiFixture;
  beforeAll(async () => {
    fixture = await startFixture();
  });
  afterAll(async () => fixture?.stop());

  it('records the song, says where it is and answers 202', async () => {
    const response = await fixture.post('/v1/generations', ASK);
    const generation = await generationOf(response);
    expect(response.status, JSON.stringify(generation) + fixture.logs.join('')).toBe(202);
    expect(response.headers.get('location')).toBe(`/v1/generations/${generation.id}`);
    expect(generation.status).toBe('queued');
  });
});
