/** The configuration of commands. */
import { type Config, loadConfig, type Uses } from '@kora-wake/shared/runtime/config';
import type { Env, Io } from './command.ts';

/**
 * Reads the environment, and prints the warnings.
 *
 * @param uses the variables that the command uses; default: all
 * @throws StartupError if the configuration is not valid
 */
export function readConfig(env: Env, io: Io, uses?: Uses): Config {
  const { config, warnings } = loadConfig(env, uses);
  for (const warning of warnings) io.err(`kora-wake: warning: ${warning}`);
  return config;
}
