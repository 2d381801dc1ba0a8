import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { type BatchOptions, type ItemFault, MOST_FAULTS_TOLD } from '@songmill/shared/contract/batch';
import type { AcceptedItem, BatchLine, RefusedItem } from '@songmill/shared/contract/batch-items';
import type { Price } from '@songmill/shared/contract/models';
import type { SkippedLine } from '@songmill/shared/runtime/records/batches';
import type { SpooledItem } from '@songmill/shared/runtime/records/ingest';
import type { createNamedJudge } from '@songmill/shared/runtime/records/named';
import type { Settings } from '@songmill/shared/runtime/settings';
import { NAMED_FAULTS } from '../request/create-generation.ts';

/** What a batch came to, and where its lines are. */
export interface Spooled {
  readonly itemsPath: string;
  readonly skippedPath: string;
  /** Every fault, one JSON line each. */
  readonly faultsPath: string;
  readonly total: number;
  readonly valid: number;
  readonly invalid: number;
  readonly duplicates: number;
  /** Bytes of the items. */
  readonly bytes: number;
  /** The first faults, and how many there are. */
  readonly faults: readonly ItemFault[];
  readonly faultCount: number;
  /** The file as a whole cannot be used; `malformed`: not even read. */
  readonly unusable: 'malformed' | 'invalid' | null;
  /** Items by model, and the prices in force. */
  readonly models: Readonly<Record<string, number>>;
  readonly prices: Readonly<Record<string, Price>>;
}

/** Whether it is submitted or refused as a whole. */
export function isAcceptable({ unusable, invalid, valid }: Spooled, onInvalid: BatchOptions['on_invalid']): boolean {
  return unusable === null && (onInvalid === 'skip' ? valid > 0 : invalid === 0);
}

/**
 * Writes what was judged to files of a folder, page by page, so that memory stays flat: items as workers
 * will record them, refused lines as their owner gave them, and every fault.
 */
export async function spoolLines(
  pages: AsyncIterable<readonly BatchLine[]>,
  {
    folder,
    settings,
    judgeNamed,
  }: {
    readonly folder: string;
    readonly settings: Pick<Settings, 'models'>;
    readonly judgeNamed: ReturnType<typeof createNamedJudge>;
  },
  onInvalid: BatchOptions['on_invalid'],
): Promise<Spooled> {
  const paths = {
    ...{ itemsPath: join(folder, 'items.ndjson'), skippedPath: join(folder, 'skipped.ndjson') },
    faultsPath: join(folder, 'faults.ndjson'),
  };
  const files = await Promise.all(Object.values(paths).map((path) => open(path, 'wx', 0o640)));
  const [itemsFile, skippedFile, faultsFile] = files as [FileHandle, FileHandle, FileHandle];
  const counts = { total: 0, valid: 0, invalid: 0, duplicates: 0, bytes: 0, faultCount: 0 };
  const faults: ItemFault[] = [];
  const models: Record<string, number> = {};
  const prices: Record<string, Price> = {};
  let unusable: Spooled['unusable'] = null;

  function lineOf({ index, line, request }: AcceptedItem): string {
    const price = settings.models[request.model]?.price;
    if (price) prices[request.model] = price;
    models[request.model] = (models[request.model] ?? 0) + 1;
    const item: SpooledItem = { index, line, request: price ? { ...request, price } : request };
    counts.valid++;
    return `${JSON.stringify(item)}\n`;
  }

  function refuse({ index, line, item, raw, faults: found, duplicate }: Omit<RefusedItem, 'kind'>): string {
    counts.invalid++;
    if (duplicate) counts.duplicates++;
    const { code, message } = found[0]!;
    const skipped: SkippedLine = { index, line, item, raw: item === null ? raw : null, code, message };
    return onInvalid === 'skip' ? `${JSON.stringify(skipped)}\n` : '';
  }

  function tell(found: readonly ItemFault[]): string {
    counts.faultCount += found.length;
    if (faults.length < MOST_FAULTS_TOLD) faults.push(...found.slice(0, MOST_FAULTS_TOLD - faults.length));
    return found.map((fault) => `${JSON.stringify(fault)}\n`).join('');
  }

  try {
    for await (const page of pages) {
      const text = { items: '', skipped: '', faults: '' };
      for (const line of page) {
        if (line.kind === 'file') {
          unusable = line.malformed ? 'malformed' : 'invalid';
          text.faults += tell(line.faults);
          continue;
        }
        counts.total++;
        const refused = line.kind === 'refused' ? line : await asRefused(line);
        if (refused === null) text.items += lineOf(line as AcceptedItem);
        else {
          text.skipped += refuse(refused);
          text.faults += tell(refused.faults);
        }
      }
      if (text.items !== '') counts.bytes += (await itemsFile.write(text.items)).bytesWritten;
      if (text.skipped !== '') await skippedFile.write(text.skipped);
      if (text.faults !== '') await faultsFile.write(text.faults);
    }
  } finally {
    await Promise.all(files.map((file) => file.close()));
  }
  return { ...paths, ...counts, faults, unusable, models, prices };

  async function asRefused({ index, line, request }: AcceptedItem): Promise<Omit<RefusedItem, 'kind'> | null> {
    const named = await judgeNamed(request);
    if (named.length === 0) return null;
    const found = named.map(({ pointer, code }) => ({
      line,
      column: null,
      pointer,
      code,
      message: NAMED_FAULTS[code],
    }));
    return { index, line, faults: found, duplicate: false, item: { ...request }, raw: null };
  }
}
