/** The workers that run now, and the set-up of each: whether it can investigate alerts and send them to someone. */
import { z } from 'zod';
import { policyState } from '../policy/state.ts';
import type { RedisClient } from '../runtime/redis.ts';
import { MCP_STATES } from '../wake/services.ts';
import type { Keys } from './keys.ts';
import { luaScript } from './scripts.ts';
import { parseStored } from './stored-json.ts';

/** Time between two signs of life, and time after the last one when a worker counts as gone; ms. */
export const SIGN_EVERY_MS = 10_000;
const GONE_AFTER_MS = 3 * SIGN_EVERY_MS;

const workerSetup = z.object({
  /** When it started, ms since the epoch. */
  startedAt: z.number(),
  /** Model of the first budget tier; null: no credential, so alerts are sent without a diagnosis. */
  model: z.string().nullable(),
  /** Null: no token, so messages are only printed. */
  slack: z
    .object({
      /** Id of the person or channel that gets the messages; null: nobody, so they become dead letters. */
      operator: z.string().nullable(),
      /** Null until Slack has answered. Names may be empty; `scopes` is null if the answer does not name them. */
      identity: z
        .object({
          team: z.string(),
          bot: z.string(),
          scopes: z.array(z.string()).nullable(),
          missingScopes: z.array(z.string()),
        })
        .nullable(),
    })
    .nullable(),
  // Absent: a worker of an earlier release.
  policy: policyState.exactOptional(),
  version: z.string().exactOptional(),
  /** The configured MCP servers. */
  mcp: z.array(z.object({ name: z.string(), state: z.enum(MCP_STATES) })).exactOptional(),
  /** When the LLM last answered this worker, ms since the epoch. */
  llmAnsweredAt: z.number().nullable().exactOptional(),
});
export type WorkerSetup = z.infer<typeof workerSetup>;
export type SlackIdentity = NonNullable<NonNullable<WorkerSetup['slack']>['identity']>;
export type RunningWorker = WorkerSetup & {
  /** host:pid */
  id: string;
};

const RECORD = luaScript('record-worker');
const READ = luaScript('read-workers');

/** Records a sign of life. @param id host:pid */
export async function recordWorker(redis: RedisClient, keys: Keys, id: string, setup: WorkerSetup): Promise<void> {
  await RECORD(redis, [keys.workers], id, setup);
}

/** Removes a worker that stops. */
export async function removeWorker(redis: RedisClient, keys: Keys, id: string): Promise<void> {
  await redis.hdel(keys.workers, id);
}

/** The workers with a recent sign of life, last started first. An entry that cannot be read is left out. */
export async function readWorkers(redis: RedisClient, keys: Keys): Promise<RunningWorker[]> {
  const answer = await READ(redis, [keys.workers]);
  const [now, ...flat] = Array.isArray(answer) ? answer.map(String) : [];
  const running: RunningWorker[] = [];
  for (let i = 0; i + 1 < flat.length; i += 2) {
    const [, at, json] = /^(\d+) (.*)$/s.exec(flat[i + 1] ?? '') ?? [];
    if (Number(now) - Number(at) > GONE_AFTER_MS) continue;
    const setup = parseStored(workerSetup, json);
    if (setup) running.push({ id: flat[i] ?? '', ...setup });
  }
  return running.toSorted((a, b) => b.startedAt - a.startedAt);
}
