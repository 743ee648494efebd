/** Reads the policy file of KORA_POLICY_PATH. */
import { readFileSync } from 'node:fs';
import { errorReason, StartupError } from '../runtime/errors.ts';
import { NO_POLICY, type Policy, parsePolicy } from './policy.ts';

/**
 * @param path undefined if no file is configured
 * @throws StartupError if the file cannot be read, or with every fault as `FILE:LINE: message`
 */
export function readPolicy(path: string | undefined): Policy {
  if (path === undefined) return NO_POLICY;
  const read = parsePolicy(textOf(path));
  if ('policy' in read) return read.policy;
  const lines = read.faults.map(({ line, message }) => `  ${path}:${line}: ${message}`);
  throw new StartupError(`KORA_POLICY_PATH: the policy is not usable:\n${lines.join('\n')}`);
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new StartupError(`KORA_POLICY_PATH: ${path} cannot be read (${errorReason(error)}).`, { cause: error });
  }
}
