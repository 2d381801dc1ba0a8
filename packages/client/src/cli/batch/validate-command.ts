import { createWriteStream } from 'node:fs';
import { EXIT, type Exit } from '../exit.ts';
import type { Task } from '../task.ts';
import { faultLine } from './faults.ts';
import { batchFile, type FileOptions } from './source.ts';
import { validateFile, type Verdict } from './validate.ts';

/** `batch validate`: every fault on stdout, the sum on stderr; with `--split -` the items have stdout. */
export async function validateCommand(
  { out, io }: Task,
  path: string,
  options: FileOptions & { readonly split?: string },
): Promise<Exit> {
  const file = await batchFile(path, options);
  const target = options.split === undefined ? null : await itemWriter(options.split, out.raw);
  const toErrors = options.split === '-';
  const verdict = await validateFile(file, {
    async onFault(fault) {
      const line = out.json ? JSON.stringify(fault) : faultLine(path, fault);
      if (toErrors) io.stderr.write(`${line}\n`);
      else await out.record(fault, line);
    },
    onItem: target?.write,
  });
  await target?.close();
  const { written: _, ...counts } = verdict;
  if (out.json && !toErrors) await out.record({ object: 'batch_validation', ...counts }, '');
  else out.note(textOf(verdict, path, options.split));
  return verdict.invalid > 0 || verdict.faults > 0 ? EXIT.invalidFile : EXIT.ok;
}

function textOf({ total, valid, invalid, tooLong, written }: Verdict, path: string, split: string | undefined): string {
  const lines = [`${path}: ${total} songs, ${valid} good, ${invalid} bad`];
  if (tooLong > 0 && split === undefined) {
    lines.push(
      `${tooLong} have lyrics that are too long: every character counts one, spaces, line breaks and ## too.`,
      `  songmill batch validate ${path} --split parts.jsonl    cuts them at their stanzas`,
    );
  }
  if (split !== undefined && split !== '-') {
    lines.push(`${written} items written to ${split}, ${tooLong} songs in parts`);
    if (invalid > 0) lines.push('the bad lines above are not among them');
  }
  return lines.join('\n');
}

async function itemWriter(split: string, raw: (text: string) => Promise<void>) {
  if (split === '-') {
    return { write: (item: object) => raw(`${JSON.stringify(item)}\n`), close: () => Promise.resolve() };
  }
  const stream = createWriteStream(split);
  await new Promise<void>((resolve, reject) => stream.once('open', () => resolve()).once('error', reject));
  return {
    write: (item: object) =>
      new Promise<void>((resolve, reject) => {
        stream.write(`${JSON.stringify(item)}\n`, (error) => (error ? reject(error) : resolve()));
      }),
    close: () => new Promise<void>((resolve) => stream.end(() => resolve())),
  };
}
