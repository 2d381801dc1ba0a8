import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { S3mini } from 's3mini';
import S3rver from 's3rver';
import { afterAll, beforeAll } from 'vitest';
import { openS3Storage } from './s3-storage.ts';
import { type S3Place, parseS3Url } from './s3-url.ts';
import { BUCKET, KEYS, startObjectStore } from './testing/object-store.ts';
import { storageContract } from './testing/storage.contract.ts';

function placeIn(endpoint: string, prefix: string): S3Place {
  const place = parseS3Url(`s3://${BUCKET}/${prefix}?endpoint=${endpoint}`);
  if (typeof place === 'string') throw new Error(place);
  return place;
}

for (const honours of [true, false]) {
  storageContract(`an object store that ${honours ? 'honours' : 'ignores'} conditions`, async () => {
    const store = await startObjectStore();
    store.honours = honours;
    store.page = 3;
    const place = placeIn(store.url, 'some/place');
    return {
      storage: await openS3Storage(place, KEYS),
      again: () => openS3Storage(place, KEYS),
      damage: async (id, text) => {
        store.objects.set(`some/place/${id}/result.json`, { bytes: Buffer.from(text), writtenMs: Date.now() });
      },
      stop: () => store.stop(),
    };
  });
}

let folder: string;
let server: S3rver;
let endpoint: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'songmill-s3rver-'));
  server = new S3rver({
    address: '127.0.0.1',
    port: 0,
    silent: true,
    directory: folder,
    configureBuckets: [{ name: BUCKET, configs: [] }],
  });
  const { port } = await server.run();
  endpoint = `http://127.0.0.1:${port}`;
});
afterAll(async () => {
  await server.close();
  await rm(folder, { recursive: true });
});

storageContract('s3rver', async () => {
  const keys = { accessKeyId: 'S3RVER', secretAccessKey: 'S3RVER' };
  const prefix = randomBytes(6).toString('hex');
  const place = placeIn(endpoint, prefix);
  return {
    storage: await openS3Storage(place, keys),
    again: () => openS3Storage(place, keys),
    async damage(id, text) {
      const client = new S3mini({ ...keys, endpoint: place.address, region: place.region });
      await client.putObject(`${prefix}/${id}/result.json`, text);
    },
    stop: async () => {},
  };
});
