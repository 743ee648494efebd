/** A tailer that rotates the log itself is killed in the middle of rotations, while writers have the old file open. */
import { closeSync, openSync, readdirSync, watch, writeSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { appendRows } from '@kora-wake/shared/runtime/audit-log';
import { readAccount } from '@kora-wake/shared/store/account';
import { sourceId } from '@kora-wake/shared/store/keys';
import { expect } from 'vitest';
import { environment } from '../support/doubles.ts';
import { endBeforeCleanup, eventually, test, wakeRow } from '../support/fixtures.ts';
import { runApp } from '../support/process.ts';

const KILLS = 6;
/** Rows that a writer adds before it opens the log again. */
const ROWS_PER_OPEN = 25;

test('no row is lost when a tailer is killed while it rotates the log, and five old files stay', {
  timeout: 300_000,
}, async ({ ns, logPath }) => {
  const env = environment(ns, logPath, { KORA_AUDIT_LOG_MAX_MIB: '0.02', KORA_PROBE_WAKE_POLL_SEC: '1' });
  const written = { rows: 0 };
  const row = () => wakeRow({ title: `row ${++written.rows}`, detail: 'x'.repeat(500) });
  let file: number | undefined;
  let left = 0;
  // The first start of a log begins at its end.
  const first = runApp('tailer', env);
  await first.until('tailer.following');
  const keepsOpen = setInterval(() => {
    if (left-- === 0) {
      if (file !== undefined) closeSync(file);
      file = openSync(logPath, 'a');
      left = ROWS_PER_OPEN;
    }
    if (file !== undefined) writeSync(file, `${row()}\n`);
  }, 20);
  let appending = Promise.resolve(true);
  const opensEach = setInterval(() => {
    appending = appending.then(() => appendRows({ path: logPath, createsFolder: false }, [row()]));
  }, 15);
  const stopWriting = () => [keepsOpen, opensEach].forEach((timer) => clearInterval(timer));
  endBeforeCleanup(async () => stopWriting());

  for (let kill = 1; kill <= KILLS; kill++) {
    const tailer = kill === 1 ? first : runApp('tailer', env);
    await tailer.until('tailer.following');
    const folder = watch(dirname(logPath), (_event, name) => {
      // Some are killed at the first sign of a rotation, the others a little later.
      if (name !== `${basename(logPath)}.1`) return;
      if (kill % 2 === 0) tailer.child.kill('SIGKILL');
      else setTimeout(() => tailer.child.kill('SIGKILL'), kill);
    });
    await tailer.exited;
    folder.close();
    await ns.redis.unlink(ns.keys.lease(sourceId(logPath)));
  }
  const last = runApp('tailer', env);
  await last.until('log.rotated');
  stopWriting();
  await appending;
  if (file !== undefined) closeSync(file);
  const rows = async () => (await readAccount(ns.redis, ns.keys)).rows;
  await eventually(async () => (await rows()) >= written.rows, 60_000).catch(() => undefined);
  expect(await rows()).toBe(written.rows);
  expect(await readAccount(ns.redis, ns.keys)).toMatchObject({ enqueued: 1, unaccounted: 0, unreadLines: 0 });
  const old = () => readdirSync(dirname(logPath)).filter((name) => name.startsWith(`${basename(logPath)}.`));
  await eventually(() => old().length <= 5, 60_000);
});
