import { describe, expect, it } from 'vitest';
import { parseFaultOrder, readMarkers } from './grammar.ts';

describe('readMarkers', () => {
  it('finds faults and settings in the order of the text', () => {
    const markers = readMarkers('la [sim:code=1001,x1] la\n[sim:504][sim:bytes=16384][sim:latency=0][sim:tag=a-1]');
    expect(markers.orders.map((order) => order.fault.text)).toEqual(['code=1001,x1', '504']);
    expect(markers).toMatchObject({ bytes: 16_384, latencyMs: 0, tag: 'a-1', unknown: [] });
  });

  it.each([
    'foo',
    'code',
    'code=x',
    'odd=1',
    'hang,x',
    'bytes=many',
    '504,retry_after',
    'odd,now',
    'status=99',
    'toString',
    '',
  ])('%j is a typing error, not a fault that never happens', (inner) => {
    expect(readMarkers(`[sim:${inner}]`)).toMatchObject({ orders: [], unknown: [`[sim:${inner}]`] });
  });

  it('leaves other brackets of lyrics alone', () => {
    expect(readMarkers('[Verse]\n[Chorus] (sim:hang)')).toMatchObject({ orders: [], unknown: [] });
  });
});

describe('parseFaultOrder', () => {
  it.each([
    ['code=1002', { stage: 'refuse', billed: false }],
    ['code=1001', { stage: 'made', billed: false }],
    ['code=1027', { stage: 'made', billed: true }],
    ['code=1027,free', { stage: 'made', billed: false }],
    ['err=-10008', { stage: 'refuse', billed: false }],
    ['err=-10504', { stage: 'made', billed: true }],
    ['500', { stage: 'refuse', billed: false }],
    ['504', { stage: 'made', billed: true }],
    ['504,now', { stage: 'refuse', billed: false }],
    ['500,billed', { stage: 'made', billed: true }],
    ['rst', { stage: 'refuse', billed: false }],
    ['rst,billed', { stage: 'made', billed: true }],
    ['lost', { stage: 'made', billed: true }],
    ['hang,free', { stage: 'made', billed: false }],
  ])('%s', (text, expected) => {
    expect(parseFaultOrder(text)?.fault).toMatchObject(expected);
  });

  it('reads every option', () => {
    expect(parseFaultOrder('err=-10007, status=429, retry_after=2.5, string, x3, id=a')).toMatchObject({
      times: 3,
      id: 'a',
      fault: { name: 'err', value: -10007, status: 429, retryAfter: 2.5, asText: true },
    });
  });
});
