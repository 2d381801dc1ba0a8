import { itemId } from '@songmill/shared/runtime/ids';
import { readGenerations } from '@songmill/shared/runtime/records/read';
import type { RecordStore } from '@songmill/shared/runtime/records/store';
import type { GenerationRecord } from '@songmill/shared/runtime/records/types';

const PAGE = 100;

/** Recorded items of a batch in input order, a page at a time; read as they are asked for. */
export async function* walkItems(
  store: RecordStore,
  { id, total, after }: { id: string; total: number; after: number },
): AsyncGenerator<GenerationRecord[]> {
  for (let from = after + 1; from < total; from += PAGE) {
    const ids = Array.from({ length: Math.min(PAGE, total - from) }, (_, at) => itemId(id, from + at));
    const found = await readGenerations(store, ids);
    yield found.filter((record) => record !== null);
  }
}
