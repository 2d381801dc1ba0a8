import type { Violation } from '../../types.ts';
import { type Evidence, inGeneral } from '../evidence.ts';

/** I9: the canary secrets stand nowhere in logs, answers, records, journals and commit files. */
export function secrets({ leaks }: Evidence): Violation[] {
  return [...leaks].map((place) => inGeneral('I9', `a canary secret stands in ${place}`));
}
