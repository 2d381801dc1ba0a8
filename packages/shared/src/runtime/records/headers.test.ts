import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { STATUSES } from '../../contract/words.ts';
import { type Arrow, arrowsOfDocs, FIELDS, headerOf } from '../../testing/script-headers.ts';

const names = readdirSync(new URL('.', import.meta.url))
  .filter((file) => file.endsWith('.lua'))
  .map((file) => file.slice(0, -'.lua'.length));
const bodyOf = (name: string) =>
  readFileSync(new URL(`./${name}.lua`, import.meta.url), 'utf8').replace(/^--\[\[[\s\S]*?\]\]/, '');

describe.each(names)('the header of %s.lua', (name) => {
  const header = headerOf(name);

  it('begins with its name and says keys, args, answer, twice and arrows, in this order', () => {
    expect(header.name).toBe(name);
    expect(Object.keys(header.fields)).toEqual(FIELDS);
    for (const text of Object.values(header.fields)) expect(text).not.toBe('');
  });

  it('names exactly the arguments that the script reads', () => {
    const named = [...header.fields['args']!.matchAll(/(?:^|\s)(\d+) (?=\S)/g)].map((match) => Number(match[1]));
    const read = [...bodyOf(name).matchAll(/ARGV\[(\d+)\]/g)].map((match) => Number(match[1]));
    const most = Math.max(0, ...read);
    const numbers = named.filter((number, index) => number === index + 1);
    // A list of items begins after the numbered ones.
    const listed = header.fields['args']!.includes('then for each') ? 1 : 0;
    expect([numbers.length, numbers.length + listed]).toContain(most);
    expect(new Set(read).size).toBe(most);
  });

  it('draws arrows between statuses that exist', () => {
    for (const { from, to } of header.arrows) {
      expect([...STATUSES, '(new)']).toContain(from);
      expect(STATUSES).toContain(to);
    }
  });

  it('changes a status only if it draws an arrow', () => {
    const body = bodyOf(name);
    const changes =
      /\btransition\(|\bjudge|finish_without_song\(|\b(?:await_references|cancel_now)\(|\bcreate_generation\(/.test(
        body,
      );
    expect(changes).toBe(header.arrows.length > 0);
    expect(body).not.toMatch(/'HSET'[^)]*'status'/);
  });
});

describe('docs/job-states.md', () => {
  it('draws the arrows that the scripts draw, arrow by arrow', () => {
    const words = (arrows: readonly Arrow[]) =>
      arrows.map(({ from, to, script }) => `${from} -> ${to} (${script})`).sort();
    expect(words(arrowsOfDocs())).toEqual(words(names.flatMap((name) => headerOf(name).arrows)));
    expect(arrowsOfDocs().length).toBeGreaterThan(15);
  });

  it('says what each script of a generation does', () => {
    const page = readFileSync(new URL('../../../../../docs/job-states.md', import.meta.url), 'utf8');
    for (const name of names.filter((each) => !each.startsWith('api-key'))) {
      expect(page).toMatch(new RegExp(`^\\| \`${name}\` \\| \\S`, 'm'));
    }
  });
});
