import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { createLogger } from '../../src/runtime/log.ts';
import { prettyStream } from '../../src/runtime/readable-log.ts';

/** C0, DEL, C1 (CSI as one character), bidirectional marks, zero-width characters. */
const HOSTILE = 'a\u001b[2Jb\u0007c\u007fd\u009b31me\u202ef\u2066g\u061ch\u200bi';
// oxlint-disable-next-line no-control-regex -- the test looks for control characters
const CONTROL = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069]/;

test('a readable log line has no control characters, in its message, its fields, their names, and a DM', async () => {
  const terminal = new PassThrough();
  const log = createLogger(`app${HOSTILE}`, 'info', prettyStream(terminal));
  log.warn({ [`name${HOSTILE}`]: `value${HOSTILE}`, dm: { text: `${HOSTILE}\n${HOSTILE}` } }, HOSTILE);
  log.info('the end');
  terminal.end();
  const shown = await text(terminal);
  expect(shown).toContain('the end');
  expect(shown.match(/efghi/g)?.length).toBeGreaterThanOrEqual(5);
  expect(shown).not.toMatch(CONTROL);
});

test('how an incident develops is a part of its line', async () => {
  const terminal = new PassThrough();
  const log = createLogger('worker', 'info', prettyStream(terminal));
  const incident = { incidentId: 'i-1', probe: `fly${HOSTILE}`, category: 'down', line: 'Recovered after 12 min' };
  log.warn({ incident }, '[dry run] the message would show');
  terminal.end();
  const shown = await text(terminal);
  expect(shown).toMatch(/worker \[dry run\] the message would show: flya.*i \/ down: Recovered after 12 min\n$/);
  expect(shown).not.toMatch(CONTROL);
});

test('the colours of a terminal stay', async () => {
  const terminal = Object.assign(new PassThrough(), { isTTY: true });
  createLogger('app', 'info', prettyStream(terminal)).warn('message');
  terminal.end();
  // oxlint-disable-next-line no-control-regex -- the colour of a warning
  expect(await text(terminal)).toMatch(/\u001b\[33mWARN\u001b\[39m/);
});
