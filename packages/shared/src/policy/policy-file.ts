/** Reads the policy file of KORA_POLICY_PATH, at the start and after each SIGHUP. */
import { readFileSync } from 'node:fs';
import { errorReason, StartupError } from '../runtime/errors.ts';
import type { Logger } from '../runtime/log.ts';
import { logEvent } from '../runtime/log-events.ts';
import { NO_POLICY, type Policy, parsePolicy } from './policy.ts';
import type { PolicyState } from './state.ts';
import type { Fault } from './yaml-text.ts';

/**
 * @param path undefined if no file is configured
 * @param hasIncidents whether there are incidents, which some keys need
 * @param givenBy the variable or option that names the file, for errors
 * @returns the policy, and its warnings as `FILE:LINE: message`
 * @throws StartupError if the file cannot be read, or with every fault as `FILE:LINE: message`
 */
export function readPolicy(
  path: string | undefined,
  hasIncidents = true,
  givenBy = 'KORA_POLICY_PATH',
): { policy: Policy; warnings: string[] } {
  if (path === undefined) return { policy: NO_POLICY, warnings: [] };
  const read = parsePolicy(textOf(path, givenBy), hasIncidents);
  if ('policy' in read) return { policy: read.policy, warnings: linesOf(path, read.warnings) };
  const lines = linesOf(path, read.faults).map((line) => `  ${line}`);
  throw new StartupError(`${givenBy}: the policy is not usable:\n${lines.join('\n')}`);
}

/** The policy in force. */
export interface LivePolicy {
  current(): Policy;
  state(): PolicyState;
  /** Returns a function that gives what `of` makes of the policy in force. `of` runs now and after each reload. */
  derived<T>(of: (policy: Policy) => T): () => T;
  /** Registers what runs after each reload, also after one that failed. */
  onReloaded(reloaded: () => void): void;
}

/**
 * Reads the policy, and reads it again whenever the operator asks for it. A file with faults then changes nothing.
 *
 * @param onReload registers what runs when the operator asks for it
 */
export function livePolicy(
  { policyPath: path, incidentQuietMs }: { policyPath?: string; incidentQuietMs: number },
  { onReload, log }: { onReload(reload: () => void): void; log: Logger },
): LivePolicy {
  const read = () => {
    const { policy, warnings } = readPolicy(path, incidentQuietMs > 0);
    for (const warning of warnings) logEvent(log, 'policy.warning', {}, warning);
    return policy;
  };
  const followers: Array<() => void> = [];
  let policy = read();
  let problem: string | null = null;
  if (path !== undefined) {
    onReload(() => {
      try {
        policy = read();
        problem = null;
        logEvent(log, 'policy.reloaded', { version: policy.version });
      } catch (error) {
        if (!(error instanceof StartupError)) throw error;
        problem = error.message;
        logEvent(log, 'policy.invalid', { version: policy.version, error: error.message });
      }
      for (const follower of followers) follower();
    });
  }
  const onReloaded = (follower: () => void) => void followers.push(follower);
  return {
    current: () => policy,
    state: () => ({ version: policy.version, problem }),
    derived: (of) => {
      let made = of(policy);
      onReloaded(() => {
        made = of(policy);
      });
      return () => made;
    },
    onReloaded,
  };
}

export function linesOf(path: string, faults: Fault[]): string[] {
  return faults.map(({ line, message }) => `${path}:${line}: ${message}`);
}

function textOf(path: string, givenBy: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new StartupError(`${givenBy}: ${path} cannot be read (${errorReason(error)}).`, { cause: error });
  }
}
