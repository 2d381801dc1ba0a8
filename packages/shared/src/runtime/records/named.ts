import type { AcceptedRequest } from '../../contract/generation-rules.ts';
import type { NamedFault } from './accept.ts';
import type { RecordStore } from './store.ts';

/** What requests of one batch repeat is asked once; more than this is forgotten and asked again. */
const MOST_KNOWN = 10_000;

const NAMED = [
  { reference: 'voice_reference', upstream: 'refer_voice', purpose: 'voice' },
  { reference: 'instrumental_reference', upstream: 'refer_instrumental', purpose: 'instrumental' },
] as const;

/**
 * Judges the references and ids that requests of a project name, as `accept` does for one song
 * (lua/line-up.lua). Answers are remembered, as a batch names the same ones again and again.
 */
export function createNamedJudge({ redis, keys }: RecordStore, project: string) {
  const known = new Map<string, NamedFault['code'] | null>();
  const obtained = `${keys.root}obtained`;

  async function remembered(what: string, ask: () => Promise<NamedFault['code'] | null>) {
    const before = known.get(what);
    if (before !== undefined) return before;
    if (known.size >= MOST_KNOWN) known.clear();
    const code = await ask();
    known.set(what, code);
    return code;
  }

  return async (request: AcceptedRequest): Promise<NamedFault[]> => {
    const faults: NamedFault[] = [];
    for (const { reference, upstream, purpose } of NAMED) {
      const [ours, theirs] = [request[reference], request[upstream]];
      const wrong = ours
        ? await remembered(`${purpose} ${ours}`, async () => {
            const [owner, was] = await redis.hmget(keys.reference(ours), 'project', 'purpose');
            if (owner !== project) return 'unknown_reference';
            return was === purpose || was === 'song' ? null : 'wrong_purpose';
          })
        : null;
      if (wrong) faults.push({ pointer: `/${reference}`, code: wrong });
      const foreign = theirs
        ? await remembered(`id ${theirs}`, async () => {
            const owner = await redis.hget(obtained, theirs);
            return owner === null || owner === project ? null : 'foreign_id';
          })
        : null;
      if (foreign) faults.push({ pointer: `/${upstream}`, code: foreign });
    }
    return faults;
  };
}
