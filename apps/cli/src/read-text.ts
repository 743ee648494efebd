import { readFileSync } from 'node:fs';
import { errorReason, StartupError } from '@kora-wake/shared/runtime/errors';

/** The text of a file that the user named. @throws StartupError with one sentence if it cannot be read */
export function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new StartupError(`${path} cannot be read (${errorReason(error)}).`, { cause: error });
  }
}
