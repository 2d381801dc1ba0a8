import { newId } from '@songmill/shared/runtime/ids';
import { saveEndpoint } from '@songmill/shared/runtime/records/endpoints';
import { newSecret } from '@songmill/shared/runtime/records/webhook-secret';
import { requestOf, type TestRecords } from '@songmill/shared/testing/records';
import { SAMPLE_REQUEST } from './sample.ts';

const AT_ONCE = 50;

/** An endpoint that is told of every canceled generation. */
export async function addEndpoint(records: TestRecords, url: string): Promise<void> {
  const saved = await saveEndpoint(records.store, {
    ...{ id: newId('whe'), project: 'p', url, description: '', enabled: true, secret: newSecret() },
    events: ['generation.canceled'],
  });
  if (saved.outcome !== 'saved') throw new Error(`an endpoint was answered ${saved.outcome}`);
}

/** Makes generations and cancels them: as many events, without anything else for a worker to do. */
export async function happen(records: TestRecords, count: number): Promise<void> {
  for (let made = 0; made < count; made += AT_ONCE) {
    await Promise.all(
      Array.from({ length: Math.min(AT_ONCE, count - made) }, async () =>
        records.cancel(await records.accepted({ request: requestOf({ ...SAMPLE_REQUEST, prompt: '' }) })),
      ),
    );
  }
}
