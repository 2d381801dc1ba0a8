import { LauncherError } from './failure.mjs';
import { chordLoop, sungMelody } from './tones.mjs';

const WAIT_MS = 180_000;

/**
 * Makes a voice and an instrumental on the spot and uploads them, unless ids of one's own are given: whoever
 * starts this has no recording at hand, and ids of other accounts are worth nothing upstream.
 *
 * @param {{ client: any, own: { voice?: string | undefined, instrumental?: string | undefined },
 *   report: ReturnType<import('./report.mjs').createReport>, signal: AbortSignal }} options
 * @returns {Promise<{ voice: string, instrumental: string }>} upstream ids
 */
export async function makeReferences({ client, own, report, signal }) {
  const make = async (purpose, filename, file) => {
    const { id } = await client.references.upload({ file: file(), purpose, filename }, { signal });
    const reference = await client.references.wait(id, { signal, timeoutMs: WAIT_MS });
    if (reference.status === 'succeeded') return reference[`${purpose}_id`];
    throw new LauncherError(`the ${purpose} of the sample could not be uploaded: ${reference.error.message}`);
  };
  if (own.voice !== undefined && own.instrumental !== undefined) return own;
  const [voice, instrumental] = await report.step('a voice and an instrumental, made here and uploaded', () =>
    Promise.all([
      own.voice ?? make('voice', 'sung-melody.wav', sungMelody),
      own.instrumental ?? make('instrumental', 'chord-loop.wav', chordLoop),
    ]),
  );
  return { voice, instrumental };
}
