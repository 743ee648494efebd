/**
 * An error a person can act on at start: its message is one or a few plain sentences, shown without a stack. The
 * cause goes to the log only.
 */
export class StartupError extends Error {
  override name = 'StartupError';
}

/** The code of a system or SDK error (`ENOENT`, `ECONNREFUSED`), or undefined where it has none. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** The code of an error, or else its message: enough for a sentence. */
export function errorReason(error: unknown): string {
  return errorCode(error) ?? (error instanceof Error ? error.message : String(error));
}
