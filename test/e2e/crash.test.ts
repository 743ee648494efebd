/**
 * Kills a tailer and a worker once at each of their most dangerous steps: between an effect and its record.
 * `test/field/crash.field.test.ts` kills them around every message.
 */
import { expect } from 'vitest';
import { crashTailer, crashUnchanged, crashWorker } from '../support/crash.ts';
import { test } from '../support/fixtures.ts';

test('a tailer killed after it added jobs and before it committed is replaced by another; each row is decided once', async ({
  folder,
}) => {
  // It marks the batch as begun, adds the jobs, and commits.
  expect(await crashTailer(folder, { at: 3, when: 'before' })).toBe(true);
});

test('a worker killed after Slack accepted the message and before it recorded that is replaced by another; the wake is sent once', async ({
  folder,
}) => {
  expect(await crashWorker(folder, { at: 1, when: 'before', since: 'post' })).toBe(true);
});

test('a worker killed after it decided that nothing has changed is replaced by another; the wake is sent once, and nothing is paid', async ({
  folder,
}) => {
  // It stores the delivery and the report next.
  expect(await crashUnchanged(folder, { at: 2, when: 'before' })).toBe(true);
});
