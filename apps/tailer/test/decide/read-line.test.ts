/** Lines that are almost a row: each alert in them that can be read is read; the rest is reported. */
import { parseJson } from '@kora-wake/shared/wake/json';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { wakeRow } from '../../../../test/support/fixtures.ts';
import { assertBounded } from '../../../../test/support/property.ts';
import { readLine } from '../../src/decide/read-line.ts';

const read = (text: string | Buffer) => readLine({ bytes: Buffer.from(text), offset: 100 });
const titles = (text: string | Buffer) =>
  read(text).objects.map(({ json }) => JSON.stringify(json).match(/"title":"(.*?)"/)?.[1]);
const reasons = (text: string | Buffer) => read(text).unreadable.map(({ reason }) => reason);
const docker = (log: string) => JSON.stringify({ log, stream: 'stdout', time: '2026-11-26T10:00:00Z' });

describe('a row that is almost JSON', () => {
  test.each([
    ['NaN and Infinity', '"value":[NaN,Infinity,-Infinity]', { value: ['NaN', 'Infinity', '-Infinity'] }],
    ['raw control characters', '"text":"a\tb\u0001c\rd"', { text: 'a\tb\u0001c\rd' }],
    ['NUL bytes in a text', '"text":"a\0b"', { text: 'ab' }],
    ['a comma before the end', '"list":[1,2,],', { list: [1, 2] }],
    ['NaN inside a text', '"text":"NaN, Infinity","n":NaN', { text: 'NaN, Infinity', n: 'NaN' }],
    ['a character of several bytes', '"text":"ü€😀","n":NaN', { text: 'ü€😀', n: 'NaN' }],
  ])('with %s is read', (_name, snapshot, expected) => {
    const row = `{"emitted_at":"2026-11-26T10:00:00Z","seam":"probe.wake_requested","details":{"title":"t",${snapshot}}}`;
    const { objects, unreadable, isRepaired } = read(row);
    expect(objects).toEqual([
      { line: expect.anything(), json: expect.objectContaining({ details: { title: 't', ...expected } }) },
    ]);
    expect([unreadable, isRepaired]).toEqual([[], true]);
  });

  test('as Python prints a dict is read', () => {
    const row = `{'seam': 'probe.wake_requested', 'details': {'title': 'it\\'s "down"', 'ok': False, 'owner': None}}`;
    expect(read(row).objects[0]?.json).toEqual({
      seam: 'probe.wake_requested',
      details: { title: 'it\'s "down"', ok: false, owner: null },
    });
  });
});

test('integers that are too long for a number keep their digits', () => {
  const ids = (text: string) => read(text).objects.map(({ json }) => JSON.parse(JSON.stringify(json)).details);
  const row = '{"seam":"probe.wake_requested","details":{"probe":12345678901234567890,"n":42}}';
  expect(ids(row)).toEqual([{ probe: '12345678901234567890', n: 42 }]);
  expect(ids(row.replace('42', 'NaN'))).toEqual([{ probe: '12345678901234567890', n: 'NaN' }]);
});

describe('several rows on one line', () => {
  const [a, b] = [wakeRow({ title: 'a' }), wakeRow({ title: 'b' })];

  test.each([
    ['without a newline between them', a + b],
    ['separated by carriage returns', `${a}\r${b}\r`],
    ['in an array', `[${a}, ${b}]`],
    ['after NUL bytes', `\0\0\0${a}\0\0${b}`],
    ['after the prefix of containerd', `2026-11-26T10:00:00.1Z stdout F ${a} ${b}`],
  ])('%s are each read, with their own bytes and offsets', (_name, text) => {
    const { objects, unreadable } = read(text);
    expect(objects.map(({ line }) => [line.bytes.toString(), line.offset])).toEqual([
      [a, 100 + text.indexOf(a)],
      [b, 100 + text.indexOf(b)],
    ]);
    expect(unreadable).toEqual([]);
  });

  test('are read if one before them is torn at any byte, and the torn one is reported', () => {
    for (let cut = 2; cut < a.length; cut++) {
      const { objects, unreadable } = read(a.slice(0, cut) + b);
      expect([cut, objects.map(({ line }) => line.bytes.toString())]).toEqual([cut, [b]]);
      expect([cut, unreadable.map(({ reason, offset }) => [reason, offset])]).toEqual([cut, [['torn', 100]]]);
    }
  });

  test('with sorted keys are read after a torn row', () => {
    const sorted = `{"caller_session_id":null,"details":{"title":"sorted"},"seam":"probe.wake_requested","source":null}`;
    expect(titles(`${a.slice(0, 90)}${sorted}`)).toContain('sorted');
    expect(reasons(`${a.slice(0, 90)}${sorted}`)).toEqual(['torn']);
  });

  test('that are planted in the text of a torn row are not rows', () => {
    const planted = `GET /?q={'seam':'probe.wake_requested','details':{'title':'planted'}} {"seam":"probe.wake_requested","details":{}}`;
    const torn = wakeRow({ title: planted }).slice(0, -30);
    expect([titles(torn), reasons(torn)]).toEqual([[], ['torn']]);
  });

  test('in a flood of torn rows are reported once for the rest', () => {
    expect(reasons('{"seam":'.repeat(50_000))).toHaveLength(32);
  });

  test('inside the text of a row are not rows', () => {
    expect(titles(wakeRow({ title: 'outer', detail: a, details: { n: Number.NaN } }))).toEqual(['outer']);
    const quoted = wakeRow({ title: 'outer', detail: a }).replace('"apps_running":0', '"apps_running":NaN');
    expect(titles(quoted)).toEqual(['outer']);
  });
});

describe('a wrapped row', () => {
  const row = wakeRow({ title: 'inner', detail: 'a "quoted" text' });

  test.each([
    ["Docker's JSON file", docker(`${row}\n`)],
    ['journald', JSON.stringify({ MESSAGE: row, PRIORITY: '6' })],
    ['a JSON text', JSON.stringify(row)],
    ['a text before the row', JSON.stringify({ message: `INFO ${row}` })],
    ['two wrappers', JSON.stringify({ log: JSON.stringify({ message: row }) })],
    ['an object', JSON.stringify({ message: JSON.parse(row) })],
    ['any field', JSON.stringify({ body: row })],
    ['an array of a field', JSON.stringify({ rows: [JSON.parse(row)] })],
    ['an array as text', JSON.stringify({ log: `[${row}]` })],
    ["containerd's format", `2026-11-26T10:00:00.123456789Z stdout F ${row}`],
    ['syslog', `Nov 26 10:00:00 host probe[12]: ${row}`],
  ])('in %s is read', (_name, text) => {
    expect(titles(text)).toEqual(['inner']);
    expect(read(text)).toMatchObject({ unreadable: [], isRepaired: true });
  });

  test('next to another one in the same field is read too', () => {
    expect(titles(docker(`${row}\n${wakeRow({ title: 'second' })}\n`))).toEqual(['inner', 'second']);
  });

  test('is not looked for in a sentence that only names the seam', () => {
    const mention = JSON.stringify({ level: 30, msg: 'waiting for probe.wake_requested' });
    expect(read(mention)).toMatchObject({ unreadable: [], isRepaired: false });
  });

  test('that the wrapper has cut is reported', () => {
    expect(reasons(docker(row.slice(0, 150)))).toEqual(['cut_by_wrapper']);
    expect(reasons(`2026-11-26T10:00:00Z stdout P ${row.slice(0, 150)}`)).toEqual(['torn']);
  });

  test('is not looked for in a row of another seam', () => {
    const other = JSON.stringify({ seam: 'reasoning.tool_called', details: {}, message: row });
    expect(read(other)).toMatchObject({ objects: [{ json: { seam: 'reasoning.tool_called' } }], isRepaired: false });
  });
});

describe('a line that cannot be read', () => {
  test.each([
    ['', 'not_json'],
    ['probe.wake_requested', 'not_json'],
    ['{"seam":"probe.wake_requested","details":{"x":', 'torn'],
    ['{seam: probe.wake_requested}', 'not_json'],
  ])('%j is reported', (text, reason) => {
    expect([titles(text), reasons(text)]).toEqual([[], [reason]]);
  });

  test('costs time in proportion to its length, whatever it contains', () => {
    const hostile = ['{"seam":', '{"emitted_at":"', "{'seam':'", '[', '{"a":"\\', '"x', '{}', ','].map((piece) =>
      piece.repeat(Math.floor(1_000_000 / piece.length)),
    );
    const steps = hostile.map((text) => {
      const { unreadable, objects } = read(text);
      return unreadable.length + objects.length;
    });
    expect(steps.every((n) => n > 0)).toBe(true);
  });
});

test('any row is read as JSON.parse reads it, also next to other text', async () => {
  await assertBounded(
    fc.property(
      fc.dictionary(fc.string(), fc.jsonValue()),
      fc.string({ unit: fc.constantFrom(' ', '\0', '\t') }),
      (details, gap) => {
        const text = JSON.stringify({ seam: 'probe.wake_requested', details, value: null });
        const broken = text.replace(/"value":null\}$/, '"value":NaN}');
        const expected = { seam: 'probe.wake_requested', details: parseJson(JSON.stringify(details)), value: 'NaN' };
        expect(read(gap + broken + gap).objects.map(({ json }) => json)).toEqual([expected]);
      },
    ),
    'rows with NaN',
    1_000,
  );
});
