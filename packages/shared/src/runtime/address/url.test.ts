import { describe, expect, it } from 'vitest';
import { type AddressPolicyOptions, addressPolicy } from './policy.ts';
import { checkUrl } from './url.ts';

const check = (text: string, options: AddressPolicyOptions = {}) => checkUrl(text, addressPolicy(options));
const accepted = (texts: string[], options: AddressPolicyOptions = {}) =>
  texts.filter((text) => check(text, options).ok);
const codes = (text: string, options: AddressPolicyOptions = {}) => {
  const verdict = check(text, options);
  return verdict.ok ? [] : verdict.faults.map(({ code }) => code);
};

describe('a public https URL', () => {
  it('is accepted with path, query, its own port, capitals and letters of other alphabets', () => {
    const fine = [
      'https://example.org',
      'https://example.org/a/b?c=d@e',
      'https://example.org:443/',
      'HTTPS://Example.ORG/',
      'https://münchen.example.org/ü',
      'https://a_b-c.example.org/%20',
    ];
    expect(accepted(fine)).toEqual(fine);
  });

  it('keeps its host name as target, to be looked up', () => {
    expect(check('https://Example.org/')).toMatchObject({
      ok: true,
      target: { host: 'example.org', port: 443, secure: true, literal: false, trust: 'ordinary' },
    });
  });
});

describe('refused as text, whatever is allowed', () => {
  const everything = { allowPrivate: true, http: true, literals: true, ports: [8443], allow: ['0.0.0.0/0', '::/0'] };
  const cases: Record<string, string[]> = {
    characters: [
      ' http://127.0.0.1/',
      'http://127.0.0.1/ ',
      'ht\ntp://127.0.0.1/',
      'http://127.0.0.1/\ta',
      'http://127.0.0.1/a\u0000b',
      'http://127.0.0.1/a\u007fb',
      'http://127.0.0.1/a\u0085b',
      'http://127.0.0.1/a\u2028b',
      'http://127.0.0.1/\ud800',
      'http://127.0.0.1\\@example.com/',
      'http://example.com\\@127.0.0.1/',
      'http:\\\\127.0.0.1\\',
      'http://%31%32%37.0.0.1/',
      'http://[fe80::1%25eth0]/',
    ],
    credentials: [
      'https://user@example.org/',
      'https://a:b@example.org/',
      'https://@example.org/',
      'https://:@example.org/',
    ],
    fragment: ['https://example.org/#', 'https://example.com#@127.0.0.1/'],
    malformed: [
      'http:127.0.0.1',
      'http:/127.0.0.1',
      'http:///127.0.0.1',
      '//example.org',
      'example.org',
      '/path',
      '',
      'http://',
      'http://256.1.1.1/',
      'http://1.2.3.4.5/',
      'http://example.org:65536/',
    ],
    scheme: [
      'ftp://example.org/',
      'file:///etc/passwd',
      'javascript:alert(1)',
      'gopher://127.0.0.1/',
      'ws://example.org/',
    ],
    port: ['http://example.org:0/'],
    ip_literal: [
      'http://0177.0.0.1/',
      'http://0x7f.1/',
      'http://0x7f000001/',
      'http://2130706433/',
      'http://017700000001/',
      'http://127.1/',
      'http://127.0.0.1./',
      'http://１２７.0.0.1/',
      'http://127。0。0。1/',
      'http://①②⑦.0.0.1/',
    ],
    host: [
      'https://example.org./',
      'https://a..b/',
      'http://localhost./',
      'https://-$.example.org/',
      `https://${'a'.repeat(64)}.org/`,
    ],
    address: ['http://169.254.169.254/', 'http://[fd00:ec2::254]/', 'http://[::ffff:a9fe:a9fe]/', 'http://0.0.0.0/'],
    too_long: [`https://example.org/${'a'.repeat(2048)}`, `https://example.org/${'ü'.repeat(500)}`],
  };
  for (const [code, texts] of Object.entries(cases)) {
    it(`for its ${code}`, () => {
      for (const text of texts) expect(codes(text, everything), JSON.stringify(text)).toContain(code);
    });
  }

  it('a metadata service is refused by its name too', () => {
    const names = ['metadata.google.internal', 'metadata', 'instance-data', 'rancher-metadata', 'METADATA.goog'];
    for (const name of names) expect(codes(`http://${name}/`, everything), name).toEqual(['host']);
  });
});

describe('what a public URL may not have', () => {
  it('plain http, unless http is allowed', () => {
    expect(codes('http://example.org/')).toEqual(['scheme']);
    expect(accepted(['http://example.org/', 'http://example.org:80/'], { http: true })).toHaveLength(2);
  });

  it('a port besides the own one of its scheme, unless that port is allowed', () => {
    expect(codes('https://example.org:8443/')).toEqual(['port']);
    expect(codes('https://example.org:80/', { http: true })).toEqual(['port']);
    expect(codes('http://example.org:443/', { http: true })).toEqual(['port']);
    expect(codes('https://example.org:8443/', { ports: [8443] })).toEqual([]);
  });

  it('an address instead of a name, unless that is allowed and the address is public', () => {
    expect(codes('https://8.8.8.8/')).toEqual(['ip_literal']);
    expect(codes('https://[2606:4700:4700::1111]/')).toEqual(['ip_literal']);
    const fine = ['https://8.8.8.8/', 'https://[2606:4700:4700::1111]/', 'https://[::ffff:8.8.8.8]:443/'];
    expect(accepted(fine, { literals: true })).toEqual(fine);
    const literals = [
      '127.0.0.1',
      '10.0.0.1',
      '[::1]',
      '[::7f00:1]',
      '[::127.0.0.1]',
      '[64:ff9b::7f00:1]',
      '[2002:7f00:1::]',
    ];
    for (const host of literals) expect(codes(`https://${host}/`, { literals: true }), host).toEqual(['address']);
  });

  it('a name that is not public', () => {
    const names = [
      'localhost',
      'ⓛocalhost',
      'a.localhost',
      'printer.local',
      'db.internal',
      'nas.home.arpa',
      'home.arpa',
      'redis',
    ];
    const kubernetes = ['kubernetes.default.svc', 'a.b.svc.cluster.local'];
    for (const name of [...names, ...kubernetes]) expect(codes(`https://${name}/`), name).toEqual(['host']);
    const alike = [
      'https://local.example.org/',
      'https://internal.example.org/',
      'https://mylocalhost.org/',
      'https://svc.org/',
    ];
    expect(accepted(alike)).toEqual(alike);
  });
});

describe('exceptions', () => {
  it('private allowed: any name, port, address and plain http', () => {
    const fine = [
      'http://localhost:3000/',
      'http://127.0.0.1:8080/',
      'http://[::1]:1/',
      'http://redis/',
      'https://10.0.0.1/',
    ];
    expect(accepted(fine, { allowPrivate: true })).toEqual(fine);
  });

  it('a listed host may be reached at any port and by plain http, its neighbours may not', () => {
    const options = { allow: ['receiver', 'hooks.internal'] };
    expect(accepted(['http://receiver:3000/', 'http://HOOKS.internal/', 'https://receiver/'], options)).toHaveLength(3);
    expect(accepted(['http://a.hooks.internal/', 'http://receiver2/', 'http://example.org/'], options)).toEqual([]);
    expect(check('http://receiver:3000/', options)).toMatchObject({
      target: { trust: 'named', port: 3000, secure: false },
    });
  });

  it('a listed network excuses its own addresses at once, and names only once they are looked up', () => {
    const options = { allow: ['10.0.0.0/8'] };
    expect(accepted(['http://10.1.2.3:3000/', 'https://10.1.2.3/'], options)).toHaveLength(2);
    expect(codes('http://11.1.2.3:3000/', options)).toEqual(['ip_literal', 'scheme', 'port']);
    expect(check('https://example.org/', options)).toMatchObject({ target: { trust: 'ordinary', unlessListed: [] } });
    expect(check('http://receiver:3000/', options)).toMatchObject({
      target: { trust: 'listed', unlessListed: [{ code: 'host' }, { code: 'scheme' }, { code: 'port' }] },
    });
  });

  it('an allowed origin is that scheme, host and port and no other', () => {
    const options = { allowOrigins: ['http://127.0.0.1:8090/minimaxi'] };
    expect(accepted(['http://127.0.0.1:8090/song.mp3'], options)).toHaveLength(1);
    const others = ['https://127.0.0.1:8090/', 'http://127.0.0.1:8091/', 'http://127.0.0.1/', 'http://localhost:8090/'];
    expect(accepted(others, options)).toEqual([]);
    expect(codes('http://169.254.169.254/', { allowOrigins: ['http://169.254.169.254'] })).toEqual(['address']);
  });
});

describe('the verdict', () => {
  it('names every fault in one sentence', () => {
    const verdict = check('http://user@localhost:99\\x ');
    expect(verdict).toMatchObject({ ok: false, code: 'invalid' });
    expect(verdict.ok ? '' : verdict.message).toBe(
      'The URL must not hold white space or control characters, must not hold a backslash, ' +
        'must not hold a user name or password, names "localhost", which is no public host, must use https, must not name port 99.',
    );
  });

  it('is blocked, not invalid, when another policy could take the URL', () => {
    expect(check('http://localhost:3000/')).toMatchObject({ ok: false, code: 'blocked' });
    expect(check('https://a b/')).toMatchObject({ ok: false, code: 'invalid' });
  });
});
