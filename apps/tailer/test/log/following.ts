/** Follows a log in a test, with a clock that the test sets. */
import { NOWHERE, type Position } from '@kora-wake/shared/store/position';
import { onTestFinished } from 'vitest';
import { testLog } from '../../../../test/support/fixtures.ts';
import { followLog } from '../../src/log/follower.ts';
import { keeping } from '../collecting.ts';

export const SEAM = 'probe.wake_requested';
export const row = (name: string) => `{"seam":"probe.wake_requested","name":"${name}"}`;

/** Follows a file; `all` returns the texts of the lines until nothing is left to read. */
export function following(path: string, start: Position = NOWHERE) {
  const time = { now: 0 };
  const log = testLog();
  let reached = start;
  const follower = followLog({
    path,
    start,
    seams: [SEAM],
    collect: keeping,
    rotateWaitMs: 10_000,
    clock: () => time.now,
    log: log.logger,
  });
  onTestFinished(() => follower.close());
  return {
    follower,
    time,
    log,
    /** The position after the last batch. */
    position: () => reached,
    all: async () => {
      const seen: string[] = [];
      for (let batch = await follower.read(); batch; batch = await follower.read()) {
        seen.push(
          ...batch.found.lines.map(({ text }) => text),
          ...batch.skipped.map(({ reason, offset }) => `${reason}@${offset}`),
        );
        follower.accept(batch);
        reached = batch.to;
      }
      return seen;
    },
  };
}
