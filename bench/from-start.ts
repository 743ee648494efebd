/** Starts a tailer at the beginning of a log and measures until it has decided all rows. */
import { setTimeout as sleep } from 'node:timers/promises';
import { readAccount } from '@kora-wake/shared/store/account';
import { sourceId } from '@kora-wake/shared/store/keys';
import { NOWHERE } from '@kora-wake/shared/store/position';
import { checkpoint } from '../apps/tailer/src/checkpoint.ts';
import { newToken, takeLease } from '../apps/tailer/src/lease.ts';
import type { Running } from '../test/support/spawn.ts';
import type { Sandbox } from './world.ts';

/** Stores a checkpoint at the start of the log, so that the next tailer reads all of it. */
export async function fromItsStart({ redis, keys, logPath }: Sandbox): Promise<void> {
  const source = sourceId(logPath);
  const lease = await takeLease(redis, keys.lease(source), newToken());
  if ('heldBy' in lease) throw new Error(`${lease.heldBy} already follows the log`);
  await checkpoint(redis, keys, source, logPath).begin(lease.token, '', NOWHERE, false);
  await lease.release();
}

/** Waits until the tailer has decided `rows` rows. @returns ms from its first read to its last commit */
export async function decided(sandbox: Sandbox, tailer: Running, rows: number): Promise<number> {
  const following = await tailer.until('tailer.following');
  for (;;) {
    const { enqueued, coalesced, buffered } = await readAccount(sandbox.redis, sandbox.keys);
    if (enqueued + coalesced + buffered === rows) break;
    await sleep(10);
  }
  const committedAt = Number(await sandbox.redis.hget(sandbox.keys.source(sourceId(sandbox.logPath)), 'committedAt'));
  return committedAt - Number(following.time);
}
