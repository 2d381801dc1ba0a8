import { codePoints, withLineFeeds } from '@songmill/shared/contract/generation-rules';

/**
 * Cuts lyrics into parts of at most `most` characters, counted as the limits count them: at the empty
 * lines between stanzas where that is possible, else between lines, else between words. Marks of
 * accompaniment (`##` at both ends) are put around every part.
 */
export function splitLyrics(lyrics: string, most: number): string[] {
  const text = withLineFeeds(lyrics);
  const marked = text.length >= 4 && text.startsWith('##') && text.endsWith('##');
  const mark = marked ? '##' : '';
  const inner = marked ? text.slice(2, -2) : text;
  const room = most - 2 * mark.length;
  if (codePoints(inner) <= room) return [text];
  return packed(inner, room, 0).map((part) => `${mark}${part}${mark}`);
}

/** Borders from coarse to fine, each with what stands between two pieces that stay together. */
const BORDERS = [
  { at: /\n[^\S\n]*\n+/, joint: '\n\n' },
  { at: /\n/, joint: '\n' },
  { at: /\s+/, joint: ' ' },
] as const;

/** As many pieces in each part as there is room for; a piece that is too long itself is cut at finer borders. */
function packed(text: string, room: number, level: number): string[] {
  const border = BORDERS[level];
  if (border === undefined) return inCharacters(text, room);
  const parts: string[] = [];
  let part: string | null = null;
  for (const piece of text.split(border.at)) {
    const grown: string = part === null ? piece : `${part}${border.joint}${piece}`;
    if (codePoints(grown) <= room) {
      part = grown;
      continue;
    }
    if (part !== null) parts.push(part);
    if (codePoints(piece) <= room) part = piece;
    else {
      const pieces = packed(piece, room, level + 1);
      part = pieces.pop() ?? null;
      parts.push(...pieces);
    }
  }
  if (part !== null) parts.push(part);
  return parts.map((each) => each.trim()).filter((each) => each !== '');
}

function inCharacters(text: string, room: number): string[] {
  const characters = [...text];
  const parts: string[] = [];
  for (let at = 0; at < characters.length; at += room) parts.push(characters.slice(at, at + room).join(''));
  return parts;
}

type Item = Readonly<Record<string, unknown>>;

/**
 * The items that one item becomes when its lyrics are too long: numbered parts that share `metadata.song`.
 *
 * @param name what the song is called when the item has no `custom_id`
 */
export function splitItem(item: Item, most: number, name: string): Item[] {
  const { lyrics, custom_id: id, metadata } = item;
  if (typeof lyrics !== 'string' || codePoints(withLineFeeds(lyrics)) <= most) return [item];
  const parts = splitLyrics(lyrics, most);
  const song = typeof id === 'string' && id !== '' ? id : name;
  const digits = String(parts.length).length;
  return parts.map((part, index) => {
    const number = String(index + 1).padStart(digits, '0');
    return {
      ...item,
      lyrics: part,
      custom_id: `${[...song].slice(0, 127 - digits).join('')}-${number}`,
      metadata: { ...(typeof metadata === 'object' ? metadata : {}), song, part: number, parts: String(parts.length) },
    };
  });
}
