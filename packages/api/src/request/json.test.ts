import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_DEPTH } from '@songmill/shared/contract/strict-json';
import { parseJsonText } from './json.ts';

const told = (text: string) => parseJsonText(text).faults.map((fault) => `${fault.pointer} ${fault.code}`);

describe('strict JSON', () => {
  it('what JSON.stringify writes is parsed to the same value without a fault', () => {
    const plain = fc
      .jsonValue({ maxDepth: 5 })
      .filter((value) => !/"(__proto__|constructor|prototype)":/.test(JSON.stringify(value)));
    fc.assert(
      fc.property(plain, (value) => {
        const text = JSON.stringify(value);
        expect(parseJsonText(text)).toEqual({ value: JSON.parse(text), faults: [] });
      }),
    );
  });

  it('quotes and backslashes at the end of text do not hide what follows', () => {
    expect(told(String.raw`{"a":"\\","a":1}`)).toEqual(['/a duplicate_key']);
    expect(told(String.raw`{"a":"\"","b":"\\\"","a":1}`)).toEqual(['/a duplicate_key']);
    expect(told(String.raw`{"a\\":1,"a\\\\":2}`)).toEqual([]);
  });

  it('the same key in two objects is no duplicate', () => {
    expect(told('{"a":{"a":[{"a":1},{"a":2}]},"b":{"a":1}}')).toEqual([]);
    expect(told('[{"x":1,"x":2},{"y":{"z":1,"z":2}}]')).toEqual(['/0/x duplicate_key', '/1/y/z duplicate_key']);
  });

  it('pointers escape what they must', () => {
    expect(told('{"a/b":{"c~d":1,"c~d":2}}')).toEqual(['/a~1b/c~0d duplicate_key']);
  });

  it('a prototype name is found however it is spelled', () => {
    expect(told(String.raw`{"__proto_\u005f":1}`)).toEqual(['/__proto__ forbidden_key']);
    expect(told('{"a":"__proto__","constructors":1}')).toEqual([]);
  });

  it('depth is counted exactly', () => {
    const nested = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`;
    expect(told(nested(MAX_DEPTH))).toEqual([]);
    expect(parseJsonText(nested(MAX_DEPTH + 1)).faults.map((fault) => fault.code)).toEqual(['too_deep']);
    expect(parseJsonText('{"a":'.repeat(500_000) + '1' + '}'.repeat(500_000)).faults).toHaveLength(1);
  });
});
