/** Recall, false hits and time of the redaction, on the corpus, its wrappings, and our own texts. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { cpuUs } from '../../../../test/support/cpu-time.ts';
import { redact, redactJson } from '../../src/wake/redact.ts';
import { wakeOf } from '../../src/wake/wake.ts';
import { type Sample, samples } from './secret-corpus.ts';

const root = join(import.meta.dirname, '../../../..');
const ALL = [1, 2, 3].flatMap(samples);

/** A part is left if its last characters are. Shorter parts also occur by chance. */
const leaks = (clean: string, { parts }: Sample) =>
  parts.some((part) => part.length >= 6 && clean.includes(part.slice(-6)));

const json = JSON.stringify;
const inParts = ({ text, parts }: Sample, change: (part: string) => string) =>
  parts.reduce((all, part) => all.replace(part, () => change(part)), text);
const escapeSigns = (text: string) => text.replace(/[=&<>]/g, (c) => `\\u00${c.charCodeAt(0).toString(16)}`);

const WRAPPINGS: Array<{ name: string; wrap: (sample: Sample) => string }> = [
  { name: 'alone', wrap: ({ text }) => text },
  { name: 'in a sentence', wrap: ({ text }) => `the call failed with ${text} at 12:00` },
  {
    name: 'in a log line',
    wrap: ({ text }) => `2026-05-24T14:00:00Z ERROR [app] (w-1) ${text}\n    at main (/app/a.js:1:2)`,
  },
  { name: 'in JSON', wrap: ({ text }) => json({ message: text, port: 5432 }) },
  { name: 'in JSON in JSON', wrap: ({ text }) => json({ body: json({ message: text, port: 5432 }) }) },
  { name: 'in JSON three times', wrap: ({ text }) => json({ row: json({ body: json({ message: text }) }) }) },
  { name: 'percent-encoded', wrap: ({ text }) => `GET /log?x=1&m=${encodeURIComponent(text)}&y=2` },
  { name: 'with = as \\u003d', wrap: ({ text }) => escapeSigns(text) },
  { name: 'with entities of HTML', wrap: ({ text }) => text.replaceAll('"', '&quot;').replaceAll('=', '&#61;') },
  { name: 'after %3D', wrap: ({ text }) => `m%3D${text}` },
  { name: 'after _', wrap: ({ text }) => `value_${text}` },
  { name: 'after a colour code', wrap: ({ text }) => `a\u001B[31m${text}\u001B[0m` },
  { name: 'after a colour code in JSON', wrap: ({ text }) => json(`a\u001B[1;31m${text}\u001B[0m`) },
  { name: 'with coloured parts', wrap: (sample) => inParts(sample, (part) => `\u001B[33m${part}\u001B[0m`) },
  {
    name: 'with zero-width spaces',
    wrap: (sample) => inParts(sample, (part) => `${part.slice(0, 3)}\u200B${part.slice(3)}`),
  },
  {
    name: 'with escaped soft hyphens',
    wrap: (sample) => inParts(sample, (part) => `${part.slice(0, 2)}\\u00ad${part.slice(2)}`),
  },
];

describe('of at least 120 formats', () => {
  test('the corpus has as many', () => {
    expect(new Set(ALL.map(({ issuer }) => issuer)).size).toBeGreaterThanOrEqual(120);
  });

  test.each(WRAPPINGS)('at least 95 %% are redacted $name', ({ wrap }) => {
    const missed = ALL.filter((sample) => leaks(redact(wrap(sample)), sample)).map(({ issuer }) => issuer);
    expect(1 - missed.length / ALL.length, `missed: ${[...new Set(missed)].join(', ')}`).toBeGreaterThanOrEqual(0.95);
  });

  test('at least 95 % are redacted in each field of a wake', () => {
    const missed = ALL.filter((sample) => {
      const { text } = sample;
      return leaks(
        json(wakeOf({ title: text, detail: { out: text }, snapshot_details: { log: [text] } }, 'w-1', 0)),
        sample,
      );
    });
    expect(missed.length / ALL.length).toBeLessThanOrEqual(0.05);
  });

  test('a second redaction changes nothing', () => {
    const twice = ALL.filter(({ text }) => redact(redact(text)) !== redact(text));
    expect(twice.map(({ issuer }) => issuer)).toEqual([]);
  });
});

describe('a value of a snapshot', () => {
  const snapshot = (value: Record<string, unknown>) => redactJson(JSON.parse(json(value)), redact);

  test.each([
    [{ password: 'swordfish' }],
    [{ dbPassword: 'swordfish' }],
    [{ 'X-Api-Key': 'swordfish' }],
    [{ config: { client_secret: 'swordfish' } }],
    [{ passwords: ['swordfish', 'swordfish'] }],
    [{ env: [{ name: 'DB_PASSWORD', value: 'swordfish' }] }],
    [{ password: { value: 'swordfish' } }],
    [{ password: { old: 'swordfish', new: 'swordfish' } }],
    [{ passwords: { db: 'swordfish', web: [{ admin: 'swordfish' }] } }],
    [{ client_secret: { current: 'swordfish' } }],
    [{ credentials: { user: 'jo', password: 'swordfish' } }],
    [{ api_key: { primary: 'swordfish', previous: 'swordfish' } }],
    [{ private_key: { kty: 'RSA', d: 'swordfish' } }],
    [{ secrets: { STRIPE: 'swordfish' } }],
    [{ secret: { data: { anything: 'swordfish' } } }],
    [{ cookies: [{ name: 'session', value: 'swordfish' }] }],
    [{ authorization: { scheme: 'Bearer', parameters: 'swordfish' } }],
    [{ credentials: [{ user: 'jo', pass: 'swordfish' }] }],
    [{ DB_PASSWORD_PROD: { root: 'swordfish' } }],
    [{ password: { valueFrom: { raw: ['swordfish'] } } }],
    [{ cookie: 'theme=swordfish' }],
    [{ authorization: 'swordfish' }],
    [{ changes: [{ op: 'replace', path: '/spec/password', value: 'swordfish' }] }],
    [{ change: { path: 'spec.password', from: 'swordfish', to: 'swordfish' } }],
    [{ change: { name: 'web', field: 'password', old_value: 'swordfish', newValue: 'swordfish' } }],
    [{ command: ['redis-cli', '--password', 'swordfish', '-v'] }],
    [
      {
        headers: [
          ['Host', 'example.com'],
          ['X-Api-Key', 'swordfish'],
        ],
      },
    ],
    [
      {
        object: {
          kind: 'Secret',
          metadata: { name: 'db' },
          data: { url: 'swordfish' },
          stringData: { a: 'swordfish' },
        },
      },
    ],
  ])('in %j is redacted because of its key', (value) => {
    expect(json(snapshot(value))).not.toContain('swordfish');
  });

  test('under the name of a password is redacted if it is a number', () => {
    expect(snapshot({ password: 31415926 })).toEqual({ password: '[redacted value]' });
  });

  test('under another key stays as it is', () => {
    const plain = {
      tokens: 4096,
      max_tokens: 12,
      token_type: 'bearer',
      password: null,
      credentials: 2,
      next_token: 'none',
      passwordPolicy: 'strict-2',
      key: 'apps_running',
      author: 'jo',
      secret: { name: 'db-credentials', namespace: 'default' },
      client_secret: { expires: '2026-12-01' },
      db_password: {
        expiresAt: '2026-12-01',
        policy: 'strict',
        reason: 'wrong one for jo',
        locked_until: '2026-12-02T03:00:00Z',
        secretKeyRef: { name: 'db-credentials' },
      },
      changes: [{ path: '/spec/replicas', from: 2, to: 3 }],
      command: ['web', '--port', '8080', '--password-file', '/run/password', '--token', '--verbose'],
      pairs: [['x-request-id', 'a1b2c3d4']],
      object: { kind: 'ConfigMap', data: { level: 'debug' } },
      nested: { passing: true, keyboard: 'qwerty', tokenizer: 'cl100k' },
    };
    expect(snapshot(plain)).toEqual(plain);
  });
});

describe('text without a secret', () => {
  test.each([
    'Fly app(s) unreachable: HTTP 401',
    'https://example.com/a:b@c',
    'http://example.com:8080/path?mail=jo@example.com',
    'The password: it must have at least 8 characters.',
    'invalid token: unexpected end of input',
    'secret "db-credentials" not found in namespace default',
    'basic authentication-information is missing',
    'w-aafbf18837039499248563670ba27017',
    'commit 3f785a1c2b9d8e7f60514233a4b5c6d7e8f90123',
    'PWD=/home/kora/app',
    '⚠️ 50 % of the quota is used; 100%25 is next &amp; last',
    'password: ${DB_PASSWORD}',
    'token=***',
  ])('stays as it is: %s', (text) => {
    expect(redact(text)).toBe(text);
  });

  test('such as our documents, logs and sources has few false hits', () => {
    const files = ['docs', 'apps', 'packages', 'test/fixtures', 'deploy'].flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
        .filter(
          (name) => /\.(?:md|ts|tsx|jsonl|lua|yml)$/.test(name) && !/node_modules|dist|test\/(?!fixtures)/.test(name),
        )
        .map((name) => join(root, folder, name)),
    );
    const lines = files.flatMap((file) => readFileSync(file, 'utf8').split('\n'));
    expect(lines.length).toBeGreaterThan(10_000);
    const changed = lines.filter((line) => redact(line) !== line);
    // Some lines show passwords as examples.
    expect(changed.length / lines.length < 0.002 ? [] : changed).toEqual([]);
  });
});

describe('time', () => {
  const CHARACTERS = 512 * 1024;
  const fill = (unit: string) => unit.repeat(Math.ceil(CHARACTERS / unit.length)).slice(0, CHARACTERS);
  /** The least CPU time of three runs, ms. Other processes do not count. */
  const cpuMs = (text: string) => Math.min(...[1, 2, 3].map(() => cpuUs(() => redact(text)))) / 1_000;
  const ordinary = fill(readFileSync(join(root, 'test/fixtures/sample.jsonl'), 'utf8'));
  const ordinaryMs = cpuMs(ordinary);

  test.each([
    'a',
    ' ',
    '\n',
    '😀',
    '&',
    '%',
    '%3d',
    '\\',
    '\\\\u003d',
    '&quot;',
    '\u200B',
    'a\u200B',
    '\u001B[',
    '[0;',
    '=',
    'a.',
    '+/',
    '0f-',
    '1/1',
    'a@',
    'a://b:c@',
    'a://b:',
    'http://a:',
    '/+a',
    'Q~',
    'eyJaaaaaaaa.',
    '-eyJaaaaaaaa',
    'ghp_',
    'sk-',
    'AKIA',
    'xoxb-',
    '-----BEGIN PRIVATE KEY-----',
    '-----BEGIN ',
    'Private-Lines: 1\n',

    'password=',
    'password="',
    "password='",
    "password=''",
    'password: ',
    'token="',
    "token='",
    'token=\\"',
    'token=a,',
    'token:<',
    'token , value:',
    'password value:',
    '--password ',
    'key ',
    'key\\\\\\\\',
    'identified by ',
    'token\n\n\n\n',
    'Authorization: ',
    'Authorization: a ',
    'Cookie: a="',
    'Cookie: a=b',
    'Bearer ',
    'Basic ',
    'mysql -p',
    '-u a:b ',
  ])('for hostile text made of %j is limited', (unit) => {
    // Quadratic time would be a thousand times that.
    expect(cpuMs(fill(unit)) / ordinaryMs).toBeLessThan(40);
  });
});
