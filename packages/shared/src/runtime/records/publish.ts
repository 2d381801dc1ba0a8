import type { UpstreamAnswer } from '../../contract/generation.ts';
import { jsonForLua, loadScript, type RecordStore, words } from './store.ts';
import type { Song } from './types.ts';

const publishScript = loadScript('publish');
const answeredScript = loadScript('answered');

export interface PublishAnswer {
  /** `gone`: the generation was erased meanwhile, so its files have nobody left to own them. */
  readonly outcome: 'published' | 'spare' | 'gone';
  /** A hold was lifted, or the breaker closed: starts may go on at once. */
  readonly lifted: boolean;
}

/** Publishes a song that storage has committed. */
export async function publishGeneration(
  store: RecordStore,
  input: { id: string; token: string; worker: string; song: Song; upstream: UpstreamAnswer | null },
): Promise<PublishAnswer> {
  const upstream = input.upstream ? jsonForLua(input.upstream) : '';
  const reply = words(
    await publishScript.run(store, [input.id, input.token, input.worker, jsonForLua(input.song), upstream]),
  );
  return { outcome: reply[0] as PublishAnswer['outcome'], lifted: reply[1] === '1' };
}

/** Marks an attempt as answered and paid while its song still waits for storage. */
export async function markAnswered(
  store: RecordStore,
  { id, token, worker, upstream }: { id: string; token: string; worker: string; upstream: UpstreamAnswer | null },
): Promise<{ outcome: 'marked' | 'gone' }> {
  const reply = words(await answeredScript.run(store, [id, token, worker, upstream ? jsonForLua(upstream) : '']));
  return { outcome: reply[0] as 'marked' | 'gone' };
}
