/**
 * The current problems of the services that deliveries and investigations need. Workers report a problem at each failure
 * and end it at the next success, so the state is that of the last attempt by any worker.
 */
import { z } from 'zod';
import { errorFields, type Logger } from '../runtime/log.ts';
import type { RedisClient } from '../runtime/redis.ts';
import { PROBLEM_KINDS, SERVICES, type Service } from '../wake/services.ts';
import type { Keys } from './keys.ts';
import { luaScript } from './scripts.ts';
import { parseStored } from './stored-json.ts';

const reported = {
  kind: z.enum(PROBLEM_KINDS),
  /** The service's error code, or ours in the same style. */
  code: z.string(),
  /** The service's own words, redacted; '' if there are none. */
  message: z.string(),
};
const storedProblem = z.object({
  ...reported,
  /** Start of the problem and time of its last sign, ms since the epoch by Redis's clock. */
  since: z.number(),
  at: z.number(),
});

export type ReportedProblem = z.infer<z.ZodObject<typeof reported>>;
export type Problem = z.infer<typeof storedProblem> & { service: Service };

type ProblemLog = Pick<Logger, 'debug'>;

const REPORT = luaScript('report-problem');
const END = luaScript('end-problem');

/** Stores the current problem of a service. Never rejects: it is for display only. */
export async function reportProblem(
  redis: RedisClient,
  keys: Keys,
  log: ProblemLog,
  service: Service,
  problem: ReportedProblem,
): Promise<void> {
  await REPORT(redis, [keys.problems, keys.events], service, problem).catch((error: unknown) =>
    log.debug(errorFields(error), 'cannot store a problem'),
  );
}

/** Ends the problem of a service, if it has one. Never rejects. */
export async function endProblem(redis: RedisClient, keys: Keys, log: ProblemLog, service: Service): Promise<void> {
  await END(redis, [keys.problems, keys.events], service).catch((error: unknown) =>
    log.debug(errorFields(error), 'cannot end a problem'),
  );
}

/** The current problems. An entry that cannot be read is left out. */
export async function readProblems(redis: RedisClient, keys: Keys): Promise<Problem[]> {
  const stored = await redis.hmget(keys.problems, ...SERVICES);
  return SERVICES.flatMap((service, i) => {
    const problem = parseStored(storedProblem, stored[i]);
    return problem ? [{ ...problem, service }] : [];
  });
}
