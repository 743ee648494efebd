/**
 * Kills an API and a tailer once at their most dangerous step, while tools send alerts. `test/field/ingest-crash.field.test.ts` kills
 * them around every message.
 */
import { expect } from 'vitest';
import { test } from '../support/fixtures.ts';
import { crashApis, crashTailers } from '../support/ingest-crash.ts';

test('an API killed after it wrote rows and before it answered is replaced by another; each alert with a 2xx is sent once', async ({
  ns,
  logPath,
}) => {
  expect(await crashApis({ ns, logPath }, [{ at: 'write' }])).toBe(1);
});

test('a tailer killed before it committed rows of tools is replaced by another; each alert with a 2xx is sent once', async ({
  ns,
  logPath,
}) => {
  expect(await crashTailers({ ns, logPath }, [{ at: 3, when: 'before' }])).toBe(1);
});
