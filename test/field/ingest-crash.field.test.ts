/**
 * The API or the tailer is killed around each message to Redis, at the write of the rows and at other moments, while tools send
 * alerts. `test/e2e/ingest-crash.test.ts` is a short version for `npm test`.
 */
import { expect } from 'vitest';
import { test } from '../support/fixtures.ts';
import { crashApis, crashTailers, type Kill } from '../support/ingest-crash.ts';

/**
 * More messages than an app sends in a round. After the last one nothing is killed. Every fourth one is taken, and different
 * ones before and after it. To test each: `CRASH_EVERY_ARROW=1 npm run test:field -- test/field/ingest-crash.field.test.ts`.
 */
const MESSAGES = 12;
const STRIDE = process.env.CRASH_EVERY_ARROW ? 1 : 4;
/** The same for kills at other moments. */
const OTHER_STRIDE = process.env.CRASH_EVERY_ARROW ? 1 : 9;

function aroundMessages(): Kill[] {
  return (['before', 'after'] as const).flatMap((when) =>
    Array.from({ length: MESSAGES }, (_, i) => ({ at: i + 1, when })).filter(
      ({ at }) => (at + Number(when === 'after')) % STRIDE === 0,
    ),
  );
}

/** Every ninth of a longer list, or all of it. */
const some = (kills: Kill[]) => kills.filter((_, i) => i % OTHER_STRIDE === 0);
const atWrites = () => some(Array.from({ length: 9 }, () => ({ at: 'write' })));
/** From before the claim of the events until after the answer. The first requests of a process take longest. */
const atTimes = () => some(Array.from({ length: 18 }, (_, i) => ({ afterMs: 4 * i })));

test('an API killed at any moment of a request is replaced by another; each alert with a 2xx is decided, and sent once', async ({
  ns,
  logPath,
}) => {
  const kills = [...aroundMessages(), ...atWrites(), ...atTimes()];
  expect(await crashApis({ ns, logPath }, kills)).toBeGreaterThanOrEqual(kills.length / 2);
}, 900_000);

test('a tailer killed around any message is replaced by another; each alert with a 2xx is decided, and sent once', async ({
  ns,
  logPath,
}) => {
  const kills = aroundMessages();
  expect(await crashTailers({ ns, logPath }, kills)).toBeGreaterThanOrEqual(kills.length / 4);
}, 900_000);
