import { validateHeaderValue } from 'node:http';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { songDisposition } from './content-disposition.ts';

describe('Content-Disposition', () => {
  it('is a valid header for every name, with no path and no quote in it', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 128 }), (name) => {
        const header = songDisposition(name, 'mp3');
        expect(() => validateHeaderValue('Content-Disposition', header)).not.toThrow();
        expect(header).toMatch(/^inline; filename="[^"/\\%]*"(; filename\*=UTF-8''[\w.~!#$&+^`|%-]+)?$/);
      }),
    );
  });
});
