import type { GenerationInput } from '@songmill/shared/contract/generation';
import { INSTRUMENTAL, VOICE } from './system.ts';

let serial = 0;

/** A song request whose lyrics nobody else uses, so that the ledger tells what was billed for it. */
export function song(words = '', more: Partial<GenerationInput> = {}): GenerationInput & { lyrics: string } {
  serial++;
  return {
    refer_voice: VOICE,
    refer_instrumental: INSTRUMENTAL,
    ...more,
    lyrics: `${words}\nsong number ${serial} of ${process.pid}`,
  };
}
