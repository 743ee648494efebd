/** Notices that the log does not exist: a wrong path, or a log that disappeared. A rotation leaves only a short gap. */
import { stat } from 'node:fs/promises';
import { errorCode } from '@kora-wake/shared/runtime/errors';

/** A log that is missing for longer is reported, ms. */
export const MISSING_MS = 2_000;

/** `gap`: it is missing, but not for long. */
export type Presence = 'present' | 'gap' | 'missing';

/** Returns a function that checks whether the log exists. @param clock never goes back, ms */
export function presenceOf(path: string, clock: () => number): () => Promise<Presence> {
  let missingAt: number | undefined;
  return async () => {
    const exists = await stat(path).then(
      () => true,
      (error: unknown) => errorCode(error) !== 'ENOENT',
    );
    missingAt = exists ? undefined : (missingAt ?? clock());
    if (missingAt === undefined) return 'present';
    return clock() - missingAt < MISSING_MS ? 'gap' : 'missing';
  };
}
