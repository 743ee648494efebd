import * as fc from 'fast-check';
import ipaddr from 'ipaddr.js';
import { describe, expect, test } from 'vitest';
import { assertBounded } from '../../../../../test/support/property.ts';
import { canonicalHost, isPublic, parseAllowList } from '../../../src/tools/network/allow-list.ts';

const urlAllowed = (list: string, url: string) => parseAllowList(list).allowsUrl(new URL(url));

describe('the text', () => {
  test.each(['', ' \n,, '])('%j lists nothing, and nothing is allowed', (text) => {
    const list = parseAllowList(text);
    expect(list.isEmpty).toBe(true);
    expect(list.allowsUrl(new URL('https://example.com/'))).toBe(false);
    expect(list.allowsHost('example.com')).toBe(false);
    expect(list.allowsAddress('8.8.8.8')).toBe(false);
  });

  test('is a list separated by commas, spaces or line breaks', () => {
    const list = parseAllowList('a.example, b.example\nc.example  d.example');
    expect(list.entries).toEqual(['a.example', 'b.example', 'c.example', 'd.example']);
    expect(list.isEmpty).toBe(false);
    expect(list.allowsHost('d.example')).toBe(true);
  });

  test.each([
    '*',
    '*.',
    'a.*.example',
    '**.example',
    'ex ample.com/x',
    'example.com/health',
    'example.com:0',
    'example.com:65536',
    'example.com:http',
    'ftp://example.com',
    'https://user@example.com',
    'https://user:secret@example.com',
    'https://example.com/?a=1',
    'https://example.com/#a',
    'https://example.com/..%2fadmin',
    'https://127.1/',
    '10.0.0.0/33',
    'fd00::/129',
    '10/8',
    '10.0.0.0/8:80',
    '127.1',
    '2130706433',
    '010.0.0.1',
    '*.10.0.0.1',
    '[::1',
    '[example.com]',
    '::1:99999',
    'user@example.com',
    '::ffff:10.0.0.0/95',
  ])('with %j in it is refused, by that name', (entry) => {
    const bad = entry.split(' ').at(-1) ?? '';
    expect(() => parseAllowList(`good.example ${entry} 8.8.8.8`)).toThrow(`KORA_HTTP_CHECK_ALLOW: ${bad} `);
  });
});

describe('an entry', () => {
  test.each<[string, string[], string[]]>([
    [
      'example.com',
      ['http://example.com', 'https://EXAMPLE.com/x?y', 'https://example.com./', 'http://example.com:443'],
      [
        'https://example.com:8443/x?y',
        'http://example.com:22',
        'http://www.example.com',
        'http://example.com.evil.example',
        'http://notexample.com',
        'ftp://example.com',
        'file:///etc/passwd',
        'http://example.com@evil.example/',
        'http://evil.example/?example.com',
        'http://evil.example#@example.com',
      ],
    ],
    [
      '*.example.com',
      ['http://a.example.com', 'http://b.a.example.com'],
      ['http://example.com', 'http://.example.com', 'http://aexample.com', 'http://example.com.evil.example'],
    ],
    ['*.example.com:8080', ['http://a.example.com:8080'], ['http://a.example.com']],
    ['example.com:8080', ['http://example.com:8080'], ['http://example.com', 'http://example.com:80']],
    ['bücher.example', ['http://xn--bcher-kva.example'], ['http://bucher.example']],
    ['10.1.2.3', ['https://10.1.2.3', 'http://0x0a010203'], ['http://10.1.2.4', 'http://10.1.2.3:99']],
    ['10.1.2.3:80', ['http://10.1.2.3'], ['https://10.1.2.3', 'http://10.1.2.3:81']],
    [
      '10.0.0.0/8',
      ['http://10.255.0.1', 'http://[::ffff:10.0.0.1]'],
      ['http://11.0.0.1', 'http://[a::]', 'http://10.0.0.1:22'],
    ],
    ['::1', ['http://[::1]:80'], ['http://[::2]', 'http://localhost', 'http://[::1]:99']],
    ['[::1]:8080', ['http://[::1]:8080'], ['http://[::1]']],
    ['[::1]', ['http://[0:0:0:0:0:0:0:1]'], ['http://[::]']],
    ['fd00::/8', ['http://[fd12::1]'], ['http://[fe80::1]', 'http://253.0.0.1']],
    ['::ffff:10.0.0.0/104', ['http://10.9.9.9'], ['http://11.0.0.1']],
    ['::/0', ['http://[::1]'], ['http://10.0.0.1', 'http://example.com']],
    ['localhost', ['http://localhost'], ['http://127.0.0.1', 'http://[::1]']],
    ['https://example.com:81', ['https://example.com:81'], ['http://example.com:81']],
    ['https://example.com', ['https://example.com/any'], ['http://example.com', 'https://example.com:444']],
    ['https://*.example.com/a', ['https://b.example.com/a'], ['https://example.com/a', 'https://b.example.com/b']],
    ['http://[::1]:8080/a', ['http://[::1]:8080/a/b'], ['http://[::1]:8080/b', 'http://[::1]/a']],
  ])('%s covers what it says', (entry, allowed, refused) => {
    for (const url of allowed) expect([url, urlAllowed(entry, url)]).toEqual([url, true]);
    for (const url of refused) expect([url, urlAllowed(entry, url)]).toEqual([url, false]);
  });

  test.each(['https://example.com/health', 'https://example.com/health/'])('%s covers only its path', (entry) => {
    const at = (path: string) => urlAllowed(entry, `https://example.com${path}`);
    const inside = ['/health', '/health/', '/health/db?x=/../y', '/health/a/../b', '/health/.well-known'];
    expect(inside.filter((path) => !at(path))).toEqual([]);
    const outside = [
      '/',
      '/healthz',
      '/Health',
      '/admin',
      '/health/../admin',
      '/health/%2e%2e/admin',
      '/health/%2E./admin',
      '/health/..%2fadmin',
      '/health/%2e%2e%2fadmin',
      '/health/..%5cadmin',
      '/health/..\\admin',
      '/health/%252e%252e/admin',
      '/health/%252e%252e%252fadmin',
      '/health/%25252e%25252e%25252fadmin',
      '/health/..a',
      '/health/..;/admin',
      '/health/..%3b/admin',
      '/health/..%00/admin',
      '/health/..%20/admin',
      '/health/%c0%ae%c0%ae/admin',
      '//example.com/health',
    ];
    expect(outside.filter(at)).toEqual([]);
  });
});

describe('a host', () => {
  test('may be looked up if any of its ports is listed', () => {
    const list = parseAllowList('a.example:81 https://b.example/health *.c.example');
    expect(['a.example', 'A.example.', 'b.example', 'x.c.example'].filter((host) => !list.allowsHost(host))).toEqual(
      [],
    );
    expect(
      ['c.example', 'd.example', 'a.example:81', '', 'a.example/'].filter((host) => list.allowsHost(host)),
    ).toEqual([]);
    expect([list.allowsHost('a.example', 81), list.allowsHost('a.example', 82)]).toEqual([true, false]);
    expect([list.allowsHost('b.example', 443), list.allowsHost('b.example', 80)]).toEqual([true, false]);
  });

  test.each([
    ['Example.COM.', 'example.com'],
    ['127.1', '127.0.0.1'],
    ['0x7f.1', '127.0.0.1'],
    ['2130706433', '127.0.0.1'],
    ['::FFFF:127.0.0.1', '127.0.0.1'],
    ['[::ffff:7f00:1]', '127.0.0.1'],
    ['0:0::1', '::1'],
    ['%6cocalhost', 'localhost'],
    ['a/b', undefined],
    ['a:80', undefined],
    ['a@b', undefined],
    ['a?b', undefined],
    ['a#b', undefined],
    ['a\\b', undefined],
    ['a\nb', undefined],
    ['a b', undefined],
    ['fe80::1%eth0', undefined],
    ['999.1.1.1', undefined],
    ['', undefined],
  ])('written %j is %j', (text, host) => {
    expect(canonicalHost(text)).toBe(host);
  });
});

describe('an address', () => {
  test('is covered by addresses and blocks with their ports, not by names or URLs', () => {
    const list = parseAllowList('localhost 127.0.0.1:81 10.0.0.0/8 fd00::/8 http://127.0.0.9/health');
    expect(
      ['127.0.0.1', '10.9.9.9', '::ffff:10.9.9.9', 'fd00::1'].every((address) => list.allowsAddress(address)),
    ).toBe(true);
    expect([list.allowsAddress('127.0.0.1', 81), list.allowsAddress('127.0.0.1', 82)]).toEqual([true, false]);
    const not = ['127.0.0.2', '127.0.0.9', '::1', '127.1', 'localhost', ''];
    expect(not.filter((address) => list.allowsAddress(address))).toEqual([]);
  });

  test.each(['8.8.8.8', '1.1.1.1', '2606:4700:4700::1111', '::ffff:8.8.8.8'])('%s is public', (address) => {
    expect(isPublic(address)).toBe(true);
  });

  test.each([
    '0.0.0.0',
    '10.0.0.1',
    '100.64.0.1',
    '127.0.0.1',
    '127.1',
    '169.254.169.254',
    '172.31.0.1',
    '192.168.0.1',
    '198.18.0.1',
    '203.0.113.1',
    '224.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    '::127.0.0.1',
    '::ffff:127.0.0.1',
    '::ffff:a00:1',
    '64:ff9b::10.0.0.1',
    '64:ff9b:1::1',
    '2001::1',
    '2001:db8::1',
    '2002:7f00:1::',
    'fc00::1',
    'fd00::1',
    'fe80::1',
    'fe80::1%eth0',
    'fec0::1',
    'ff02::1',
    '4000::1',
    'example.com',
    '',
  ])('%j is not', (address) => {
    expect(isPublic(address)).toBe(false);
  });

  test('that is not unicast is never reachable through a name', async () => {
    const names = parseAllowList('localhost *.example.com https://example.com/health example.com:8080');
    const bytes = (size: number) => fc.array(fc.integer({ min: 0, max: 255 }), { minLength: size, maxLength: size });
    // Few of all addresses are special, so most of these begin as special ones do.
    const begins = (size: number, start: number[]) => bytes(size - start.length).map((rest) => start.concat(rest));
    const v4 = [[], [0], [10], [127], [100, 64], [169, 254], [172, 16], [192, 168], [224]];
    const v6 = [
      [],
      [0, 0],
      [0xfc],
      [0xfd],
      [0xfe, 0x80],
      [0xff],
      [0x20, 0x01, 0, 0],
      [0x20, 0x02],
      [0, 0x64, 0xff, 0x9b],
    ];
    const mapped = v4.map((start) => [...Array<number>(10).fill(0), 255, 255, ...start]);
    const address = fc.oneof(
      ...v4.map((start) => begins(4, start)),
      ...[...v6, ...mapped].map((start) => begins(16, start)),
    );
    await assertBounded(
      fc.property(address, (bytes) => {
        const parsed = ipaddr.fromByteArray(bytes);
        const inside = ipaddr.process(parsed.toString());
        const text = parsed.toString();
        const bracketed = parsed.kind() === 'ipv6' ? `[${text}]` : text;
        expect(names.allowsAddress(text)).toBe(false);
        expect(names.allowsHost(text)).toBe(false);
        expect(names.allowsUrl(new URL(`http://${bracketed}/health`))).toBe(false);
        expect(inside.range() !== 'unicast' && isPublic(text)).toBe(false);
      }),
      'addresses',
      2_000,
    );
  });
});
