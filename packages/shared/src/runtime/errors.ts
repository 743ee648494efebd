/**
 * A start-up error that a person can fix. Its message is one or a few plain sentences, shown without a stack. The cause goes to the
 * log only.
 */
export class StartupError extends Error {
  override name = 'StartupError';
}

/** The code of a system or SDK error (`ENOENT`, `ECONNREFUSED`), or undefined if it has none. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** The code of an error, otherwise its message, for use in a sentence. */
export function errorReason(error: unknown): string {
  return errorCode(error) ?? (error instanceof Error ? error.message : String(error));
}

/** The reason why the app cannot listen at an address, as a sentence. */
export function listenFailure(error: unknown, host: string, port: number): string {
  const code = errorCode(error);
  if (code === 'EADDRINUSE')
    return `port ${port} on ${host} is in use. Stop what uses it, or set KORA_API_PORT to another.`;
  if (code === 'EACCES')
    return `port ${port} on ${host} may not be used by this user. Set KORA_API_PORT to one above 1023.`;
  return `cannot listen on ${host}:${port} (${errorReason(error)}). Set KORA_API_HOST to an address of this machine.`;
}
